// Which values lie more than two standard deviations from the mean, bit for bit as NumPy
// answers it: `np.where(np.abs(x - x.mean()) > 2 * x.std())[0]`, NumPy 2.3 or later.

// NumPy adds in so many lanes side by side, and in blocks of so many values.
const LANES = 8;
const BLOCK_VALUES = 128;

/**
 * The positions of the outliers, ascending. There is none where the mean or the deviation
 * is not finite, because no comparison with NaN holds.
 *
 * @param {Float64Array} values
 * @returns {number[]}
 */
export function findOutliers(values) {
  const mean = sum(values) / values.length;
  const squares = values.map((value) => (value - mean) ** 2);
  const reach = 2 * Math.sqrt(sum(squares) / values.length);
  const indices = [];
  values.forEach((value, index) => {
    if (Math.abs(value - mean) > reach) {
      indices.push(index);
    }
  });
  return indices;
}

// NumPy's sums start from 0, which makes 0 of a sum of -0.
function sum(values) {
  return 0 + pairwiseSum(values);
}

// What is longer than a block is halved, the left half a multiple of the lanes long.
function pairwiseSum(values) {
  if (values.length <= BLOCK_VALUES) {
    return blockSum(values);
  }
  const half = Math.floor(values.length / 2);
  const middle = half - (half % LANES);
  return (
    pairwiseSum(values.subarray(0, middle)) +
    pairwiseSum(values.subarray(middle))
  );
}

// Value i goes to lane i mod 8; the lanes are added in pairs of pairs, and then, one by
// one, the values that fill no whole row. -0 is the one start that changes no value.
function blockSum(values) {
  const whole = values.length - (values.length % LANES);
  let total = -0;
  if (whole > 0) {
    const lanes = values.slice(0, LANES);
    for (let index = LANES; index < whole; index++) {
      lanes[index % LANES] += values[index];
    }
    const [a, b, c, d, e, f, g, h] = lanes;
    total = a + b + (c + d) + (e + f + (g + h));
  }
  for (let index = whole; index < values.length; index++) {
    total += values[index];
  }
  return total;
}
