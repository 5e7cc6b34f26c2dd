import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Does things later, on a thread that does not keep the process. */
final class Clock {
  private static final ScheduledExecutorService THREAD =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "clock");
            thread.setDaemon(true);
            return thread;
          });

  private Clock() {}

  static ScheduledFuture<?> after(long time, TimeUnit unit, Runnable action) {
    return THREAD.schedule(action, time, unit);
  }
}
