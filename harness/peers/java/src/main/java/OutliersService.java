import io.grpc.stub.StreamObserver;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import pb.OutliersGrpc;
import pb.OutliersOuterClass.Metric;
import pb.OutliersOuterClass.OutliersRequest;
import pb.OutliersOuterClass.OutliersResponse;

/** Finds the values that lie more than two standard deviations from the mean (OUT-*). */
final class OutliersService extends OutliersGrpc.OutliersImplBase {
  /** NumPy adds more values than these by halves. */
  private static final int BLOCK_VALUES = 128;

  /** So many sums run side by side within a block. */
  private static final int LANES = 8;

  @Override
  public void detect(OutliersRequest request, StreamObserver<OutliersResponse> responses) {
    double[] values = request.getMetricsList().stream().mapToDouble(Metric::getValue).toArray();
    OutliersResponse.Builder response = OutliersResponse.newBuilder();
    outliers(values).forEach(response::addIndices);
    responses.onNext(response.build());
    responses.onCompleted();
  }

  /**
   * The positions of the outliers, bit for bit as NumPy finds them. There are none if the mean or
   * the deviation is no number, or infinite: then no comparison holds.
   */
  private static IntStream outliers(double[] values) {
    double mean = sum(values, value -> value) / values.length;
    double squares = sum(values, value -> (value - mean) * (value - mean));
    double reach = 2 * Math.sqrt(squares / values.length);
    return IntStream.range(0, values.length)
        .filter(index -> Math.abs(values[index] - mean) > reach);
  }

  /** NumPy starts from 0.0, which makes 0.0 of a sum that is -0.0. */
  private static double sum(double[] values, DoubleUnaryOperator term) {
    return 0.0 + pairwiseSum(values, 0, values.length, term);
  }

  /** A sum depends on the order of its additions: this is NumPy's. */
  private static double pairwiseSum(double[] values, int from, int to, DoubleUnaryOperator term) {
    if (to - from <= BLOCK_VALUES) {
      return blockSum(values, from, to, term);
    }
    int half = (to - from) / 2;
    int middle = from + half - half % LANES;
    return pairwiseSum(values, from, middle, term) + pairwiseSum(values, middle, to, term);
  }

  private static double blockSum(double[] values, int from, int to, DoubleUnaryOperator term) {
    int rest = to - (to - from) % LANES;
    double sum = -0.0;
    if (from < rest) {
      double[] lanes = new double[LANES];
      for (int lane = 0; lane < LANES; lane++) {
        lanes[lane] = term.applyAsDouble(values[from + lane]);
      }
      for (int index = from + LANES; index < rest; index++) {
        lanes[(index - from) % LANES] += term.applyAsDouble(values[index]);
      }
      sum =
          ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]))
              + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }
    for (int index = rest; index < to; index++) {
      sum += term.applyAsDouble(values[index]);
    }
    return sum;
  }
}
