// The switch that keeps pictures on this device, and its memory.
import { $ } from "./dom.js";

const KEY = "leaflake-keep-pictures-here";

// Where a browser lets a page remember nothing, the switch starts off each time.
function remembered() {
  try {
    return localStorage.getItem(KEY) === "yes";
  } catch {
    return false;
  }
}

function remember(value) {
  try {
    localStorage.setItem(KEY, value ? "yes" : "no");
  } catch {
    // as above
  }
}

export const isPrivate = () => $("private").checked;

export function showPrivacy(hasServer) {
  $("private-line").hidden = !hasServer; // nothing could be sent anyway
  $("private").checked = hasServer && remembered();
  const say = () => {
    $("private-note").textContent = isPrivate()
      ? "Nothing is sent. What this device is not sure about stays open."
      : "What this device is not sure about, the server looks at and forgets.";
  };
  $("private").addEventListener("change", () => {
    remember(isPrivate());
    say();
  });
  say();
}
