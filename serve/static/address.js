// A picture by its address: this browser fetches it where the other site lets it; else the server is
// asked to, where it may be.

const TIMEOUT_MS = 15_000;

export function openAddressForm($, takeAddress) {
  const form = $("address");
  $("address-open").addEventListener("click", () => {
    form.hidden = !form.hidden;
    $("address-open").setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) $("address-input").focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    takeAddress($("address-input").value.trim());
  });
}

// The picture at an address, or null where the other site does not let this page read it.
export async function fetchPicture(address) {
  try {
    const response = await fetch(address, {
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return response.ok ? await response.blob() : null;
  } catch {
    return null; // browsers do not say why: no such place, or none of this page's business
  }
}
