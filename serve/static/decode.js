// A picture's file -> its pixels as shards/decode.py has them: upright, laid on white, and with the
// colours as they are stored, whatever profile the file names, since the network learned from those.
// `blob` holds JPEG, PNG or WebP. Returns an ImageData; rejects what the browser cannot decode.
export async function decodePicture(blob) {
  const asStored = { colorSpaceConversion: "none", imageOrientation: "from-image" };
  const bitmap = await createImageBitmap(blob, asStored);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  // Kept in main memory, where the pixels are wanted; otherwise they go to the GPU and back.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
