// Service worker: the page, its model and its examples without a network.
//
// site.json lists every file with its hash. A navigation asks for it first: if it has changed, the
// new page is fetched whole before it is shown, so that a page never mixes two versions; if nobody
// answers, the kept page is. Files are kept by hash, so that what has not changed is not fetched
// again. Requests to the API are never touched.

const PAGES = "leaflake-page"; // "site.json", and each file under its address
const TIMEOUT_MS = 3000; // then the kept page is better than a slow network
const SHELL = /^(\.\/|static\/)/; // what a page must have whole; the rest comes as it is used

addEventListener("install", (event) => event.waitUntil(refresh().then(() => skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", (event) => {
  if (event.data === "keep") event.waitUntil(keepAll());
});
addEventListener("fetch", (event) => {
  const { request } = event;
  const name = nameOf(request.url);
  if (request.method !== "GET" || name === null) return;
  if (request.mode === "navigate") {
    if (name === "./") event.respondWith(navigate(request));
  } else if (name === "site.json") {
    event.respondWith(site().then((found) => found ?? Response.error()));
  } else if (/^(static|vendor|bundle)\//.test(name)) {
    event.respondWith(file(name, request));
  }
});

const address = (name) => new URL(name, registration.scope).href;

// The name of a file of this page; null for others.
function nameOf(url) {
  const { origin, pathname } = new URL(url);
  const scope = new URL(registration.scope);
  if (origin !== scope.origin || !pathname.startsWith(scope.pathname)) return null;
  const name = pathname.slice(scope.pathname.length);
  return name === "" || name === "index.html" ? "./" : name;
}

async function keptSite() {
  return (await (await caches.open(PAGES)).match(address("site.json")))?.clone() ?? null;
}

// The newest site.json, else the kept one, else null.
async function site() {
  return (await freshSite()) ?? keptSite();
}

async function freshSite() {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(address("site.json"), { cache: "no-store", signal });
    const isOurs = response.headers.get("Content-Type")?.includes("json");
    return response.ok && isOurs ? response : null;
  } catch {
    return null;
  }
}

// Take over the newest version of the page, if there is one and all of it can be had.
async function refresh() {
  const fresh = await freshSite();
  if (!fresh) return;
  const [now, before] = [
    await fresh.clone().json(),
    (await (await keptSite())?.json()) ?? { files: {} },
  ];
  if (now.version === before.version) return;
  const cache = await caches.open(PAGES);
  const changed = Object.keys(now.files).filter((name) => now.files[name] !== before.files[name]);
  const shell = changed.filter((name) => SHELL.test(name));
  const responses = await Promise.all(
    shell.map((name) => fetch(address(name), { cache: "no-cache" })),
  );
  if (!responses.every((response) => response.ok)) return;
  const gone = Object.keys(before.files).filter((name) => now.files[name] !== before.files[name]);
  await Promise.all(gone.map((name) => cache.delete(address(name))));
  await Promise.all(shell.map((name, index) => cache.put(address(name), responses[index])));
  await cache.put(address("site.json"), fresh);
}

async function navigate(request) {
  try {
    await refresh();
  } catch {
    // The network went away half-way: what is kept is whole.
  }
  return (await caches.match(address("./"))) ?? fetch(request);
}

async function file(name, request) {
  // `reload` is how the page asks past a file that is broken.
  const kept = request.cache === "reload" ? null : await caches.match(address(name));
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await keepOne(name, response.clone());
  return response;
}

async function keepOne(name, response) {
  const listed = (await (await keptSite())?.json())?.files ?? {};
  if (name in listed) await (await caches.open(PAGES)).put(address(name), response);
}

// Everything that a visit without a network needs and that was not asked for yet.
async function keepAll() {
  const { files, optional } = (await (await keptSite())?.json()) ?? { files: {}, optional: [] };
  const cache = await caches.open(PAGES);
  for (const name of Object.keys(files)) {
    if (optional.includes(name) || (await cache.match(address(name)))) continue;
    const response = await fetch(address(name));
    if (response.ok) await cache.put(address(name), response);
  }
  for (const client of await clients.matchAll()) client.postMessage("kept");
}
