// Keeps the page and its model for a visit without a network. Browsers do that at https and on this
// machine alone; elsewhere the page works as before, online.

// To be called once the model is loaded, so that keeping takes its files from the browser's cache.
export async function keepForOffline() {
  if (!navigator.serviceWorker) return false;
  try {
    const registration = await navigator.serviceWorker.register("sw.js", {
      updateViaCache: "none",
    });
    await navigator.serviceWorker.ready;
    registration.active.postMessage("keep");
    return true;
  } catch {
    return false; // switched off by the person, or there is no room
  }
}
