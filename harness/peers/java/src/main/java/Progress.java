import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** How far a call has come: whoever sends its requests waits here for its responses. */
final class Progress {
  private boolean hasHeaders = false;
  private int messages = 0;
  private boolean isOver = false;

  synchronized void headersCame() {
    hasHeaders = true;
    notifyAll();
  }

  synchronized void messageCame() {
    messages++;
    notifyAll();
  }

  synchronized void ended() {
    isOver = true;
    notifyAll();
  }

  /** To be called when something else has changed that is waited for. */
  synchronized void changed() {
    notifyAll();
  }

  /** Whether the headers have come; if not, the call has ended without them. */
  boolean awaitHeaders() throws InterruptedException {
    return await(() -> hasHeaders);
  }

  boolean awaitMessages(int count) throws InterruptedException {
    return await(() -> messages >= count);
  }

  /** Waits until the condition holds, of which `changed` tells, or until the call has ended. */
  synchronized boolean await(BooleanSupplier condition) throws InterruptedException {
    while (!condition.getAsBoolean()) {
      if (isOver) {
        return false;
      }
      wait();
    }
    return true;
  }

  /** Whether the call has not ended meanwhile. */
  synchronized boolean pause(long millis) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    for (long left = end - System.nanoTime(); left > 0 && !isOver; left = end - System.nanoTime()) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
    return !isOver;
  }
}
