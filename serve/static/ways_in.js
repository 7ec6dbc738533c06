// Ways for a picture to come in: chosen, photographed by the phone's own camera, dropped, pasted.
// `take(file)` gets a picture, `takeAddress(text)` what was dropped or pasted as an address.
import { $ } from "./dom.js";

export function openWaysIn(take, takeAddress) {
  for (const id of ["choose", "photo"]) {
    $(id).addEventListener("change", (event) => {
      takeFirst(event.target.files);
      event.target.value = ""; // so that choosing the same file again asks again
    });
  }

  function takeFirst(files) {
    if (files?.length) take(files[0]);
    return Boolean(files?.length);
  }

  function takeFrom(transfer) {
    const text = transfer.getData("text/uri-list") || transfer.getData("text/plain");
    if (!takeFirst(transfer.files) && isAddress(text.trim())) takeAddress(text.trim());
  }

  // The whole window takes a drop: beside the frame, the browser would leave the page.
  let inside = 0; // dragenter and dragleave fire for every element passed
  const mark = (by) => {
    inside = by === 0 ? 0 : inside + by;
    $("frame").classList.toggle("over", inside > 0);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    takeFrom(event.dataTransfer);
  });
  addEventListener("paste", (event) => {
    const isText = event.target.matches?.("input:not([type=checkbox]), textarea");
    if (!isText || event.clipboardData.files.length) takeFrom(event.clipboardData);
  });
}

export const isAddress = (text) => /^https?:\/\/\S+$/.test(text);
