// How measurements are told.

/** The median of measured values and how far they spread. Of five, the 10% and the 90% are the least and the greatest. */
export function spread(values, unit) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))].toFixed(1);
  return `median ${at(0.5)} ${unit}, 10% ${at(0.1)}, 90% ${at(0.9)}, n ${sorted.length}`;
}
