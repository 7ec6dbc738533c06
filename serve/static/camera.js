// A viewfinder, for computers: phones have a better one of their own, which the page opens instead.
import { $ } from "./dom.js";

const QUALITY = 0.95;

// Show its button where there is a camera and no touch screen. `take(blob)` gets the photograph.
export async function offerCamera(take) {
  if (matchMedia("(any-pointer: coarse)").matches || !navigator.mediaDevices) return;
  const devices = await navigator.mediaDevices.enumerateDevices();
  if (!devices.some(({ kind }) => kind === "videoinput")) return;
  $("camera-open").hidden = false;
  $("camera-open").addEventListener("click", open);
  $("camera-take").addEventListener("click", async () => {
    const picture = await grab($("camera-video"));
    $("camera").close();
    take(picture);
  });
  $("camera-close").addEventListener("click", () => $("camera").close());
  $("camera").addEventListener("close", () => {
    stop($("camera-video").srcObject);
    $("camera-video").srcObject = null;
  });
}

const stop = (stream) => stream?.getTracks().forEach((track) => track.stop());

async function open() {
  const problem = $("camera-problem");
  problem.hidden = true;
  $("camera-take").disabled = true;
  $("camera").showModal();
  try {
    const video = { facingMode: "environment", width: { ideal: 1920 } };
    const stream = await navigator.mediaDevices.getUserMedia({ video });
    if (!$("camera").open) return stop(stream); // closed before it began
    $("camera-video").srcObject = stream;
    await $("camera-video").play();
    $("camera-take").disabled = false;
    $("camera-take").focus();
  } catch (error) {
    problem.textContent =
      error.name === "NotAllowedError"
        ? "The camera is not allowed for this page. The browser\u2019s settings for this site change that."
        : `The camera does not start (${error.message}).`;
    problem.hidden = false;
  }
}

async function grab(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}
