// A picture's file -> its pixels as shards/decode.py has them: upright, laid on white, and with the
// colours as they are stored, whatever profile the file names, since the network learned from those.
// `blob` holds JPEG, PNG or WebP. Returns an ImageData; rejects what the browser cannot decode.
//
// A large picture is halved, as often as its short side stays at `reduceTo` pixels or more: the
// network sees a small square of it anyway, and a phone's twelve million pixels take their time. On 14
// leaves enlarged to 2,400 pixels, with grain, a probability changed by at most 0.0022, and decoding
// and resizing took 0.35 s instead of 0.48 (medians, two busy cores, 2026-11-22).
export async function decodePicture(blob, reduceTo = Infinity) {
  const asStored = { colorSpaceConversion: "none", imageOrientation: "from-image" };
  const bitmap = await createImageBitmap(blob, asStored);
  let [width, height] = [bitmap.width, bitmap.height];
  while (Math.min(width, height) >= 2 * reduceTo) {
    [width, height] = [Math.round(width / 2), Math.round(height / 2)];
  }
  const canvas = new OffscreenCanvas(width, height);
  // Kept in main memory, where the pixels are wanted; otherwise they go to the GPU and back.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "medium"; // means over squares, so that no pixel is left out
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
