// The Fibonacci sequence, as far as it fits in an int64.

/** F(93) does not fit. */
export const MAXIMUM_COUNT = 93n;

/**
 * The first `count` elements from F(0) = 0, each computed when it is asked for: never
 * fewer than one, because the tutorial's generator yields before it tests.
 *
 * @param {bigint} count
 */
export function* fibonacci(count) {
  let [current, next] = [0n, 1n];
  yield current;
  for (let position = 1n; position < count; position++) {
    [current, next] = [next, current + next];
    yield current;
  }
}

/** What is said of a count that is too large. */
export function outOfRangeMessage(count) {
  return `count ${count} is more than ${MAXIMUM_COUNT}: F(${MAXIMUM_COUNT}) does not fit in int64`;
}
