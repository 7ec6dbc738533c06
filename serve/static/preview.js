// The picture that is being looked at.
import { $ } from "./dom.js";

export const showPreview = (picture) => show(URL.createObjectURL(picture));

// A picture of another site, which only the server could read.
export const showAddressPreview = (address) => show(address);

export function hidePreview() {
  release();
  $("preview").removeAttribute("src");
  isShown(false);
}

function show(source) {
  const image = $("preview");
  release();
  isShown(false); // a file that the browser can't show leaves the frame as it was
  image.onload = () => isShown(true);
  image.src = source;
}

function release() {
  if ($("preview").src.startsWith("blob:")) URL.revokeObjectURL($("preview").src);
}

function isShown(shown) {
  $("preview").hidden = !shown;
  $("clear").hidden = !shown;
  $("empty").hidden = shown;
}
