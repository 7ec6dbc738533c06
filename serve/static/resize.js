// A picture of any size -> the square of levels that the browser's model takes. The same triangle
// weights as train/preprocess.py, whose matrices are mostly zeros: here only the others are touched.

// For each of `size` new pixels the first old pixel that counts, and the weights from there on.
function bands(size, length) {
  const scale = length / size;
  const support = Math.max(scale, 1);
  return Array.from({ length: size }, (_, index) => {
    const centre = (index + 0.5) * scale - 0.5;
    const first = Math.max(0, Math.floor(centre - support) + 1);
    const last = Math.min(length - 1, Math.ceil(centre + support) - 1);
    const weights = new Float32Array(last - first + 1);
    let sum = 0;
    for (let j = first; j <= last; j++) sum += weights[j - first] = 1 - Math.abs(j - centre) / support;
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

// `image` is an ImageData: RGBA bytes of opaque pixels, width, height.
// Returns levels 0-255, not rounded: Float32Array (size, size, 3).
export function resizeLevels(image, size) {
  const { data, width, height } = image;
  const columns = bands(size, width);
  const narrow = new Float32Array(height * size * 3); // (height, size, 3)
  for (let y = 0, to = 0; y < height; y++) {
    for (const { first, weights } of columns) {
      let red = 0, green = 0, blue = 0;
      for (let k = 0, from = 4 * (y * width + first); k < weights.length; k++, from += 4) {
        red += weights[k] * data[from];
        green += weights[k] * data[from + 1];
        blue += weights[k] * data[from + 2];
      }
      narrow[to++] = red;
      narrow[to++] = green;
      narrow[to++] = blue;
    }
  }
  const row = size * 3;
  const levels = new Float32Array(size * row); // (size, size, 3)
  bands(size, height).forEach(({ first, weights }, y) => {
    for (let k = 0; k < weights.length; k++) {
      const from = (first + k) * row;
      for (let x = 0; x < row; x++) levels[y * row + x] += weights[k] * narrow[from + x];
    }
  });
  return levels;
}
