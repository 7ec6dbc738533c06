// The page: a picture in, an answer out. Starts everything and says which part calls which.
import { fetchPicture, openAddressForm } from "./address.js";
import { showAnswer, showProblem, showWaiting } from "./answer_view.js";
import { offerCamera } from "./camera.js";
import { prepareCorrection } from "./correction.js";
import { DeviceModel } from "./device_model.js";
import { $, isCalm } from "./dom.js";
import { showExamples } from "./examples.js";
import { fetchGolden } from "./golden.js";
import { addToHistory, showHistory } from "./history_view.js";
import { BROWSER_MODEL, readLabels, readThresholds } from "./labels.js";
import { keepForOffline } from "./offline.js";
import { isPrivate, showPrivacy } from "./privacy.js";
import { BUSY, Unanswered, answerPicture } from "./route.js";
import { Refusal, Server, ServerAway } from "./server.js";
import { hidePreview, showAddressPreview, showPreview } from "./preview.js";
import { showAbout, showStatus } from "./status.js";
import { showSubject } from "./subject.js";
import { openWaysIn } from "./ways_in.js";

const here = new URL("./", document.baseURI);
const bundle = new URL("bundle/", here);
const vendor = new URL("vendor/", here);

let site; // site.json: what this page is served with
let labels, thresholds, device, server;
let correct = null; // opens the dialog, where the server takes corrections
let newest = 0; // only the newest picture's answer is shown

async function fetchJson(address) {
  const response = await fetch(address, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${address.pathname}: ${response.status}`);
  return response.json();
}

async function start() {
  site = await fetchJson(new URL("site.json", here));
  const manifest = await fetchJson(new URL("model.json", bundle));
  labels = readLabels(manifest.tree);
  thresholds = readThresholds(manifest);
  server = site.server === null ? null : new Server(new URL(site.server, here));
  await askWhatServerTakes();
  device = new DeviceModel(manifest, labels, thresholds, showState);
  addEventListener("online", showState);
  addEventListener("offline", showState);
  showPrivacy(Boolean(server));
  showAbout(manifest, labels, server);
  showSubject(labels);
  if (site.feedback) correct = prepareCorrection(labels, server);
  openWaysIn(ask, askAddress);
  openAddressForm($, askAddress);
  $("clear").addEventListener("click", clear);
  await Promise.all([startDevice(manifest), offerCamera(ask), showHistory(reopen)]);
}

// A server on another host than the page's says itself what it takes beside pictures.
async function askWhatServerTakes() {
  if (!server || server.address.href === here.href) return;
  try {
    const { feedback, urls } = await fetchJson(new URL("site.json", server.address));
    Object.assign(site, { feedback, urls });
  } catch {
    // It is away for now: this device answers, and takes no corrections this time.
  }
}

async function startDevice(manifest) {
  const golden = await fetchGolden(bundle, manifest);
  if (golden) showExamples(golden, bundle, labels, (picture, label) => ask(picture, { label }));
  if (!golden) device.isAbsent("the picture to try it on can\u2019t be fetched");
  else if (!manifest.files[BROWSER_MODEL]) device.isAbsent("this bundle has none for browsers");
  else if (!site.runtime) device.isAbsent("TF.js is not installed where this page comes from");
  else if (site.model && site.model !== manifest.sha256)
    device.isAbsent("the server has a newer one");
  else device.load(bundle, vendor, golden[0]);
  await device.settled;
  await keepForOffline();
}

const showState = () => showStatus(device, server);

// `label` says what an example shows; `sendIt` sends it this once, whatever the switch says.
async function ask(picture, { label = null, reject = true, sendIt = false } = {}) {
  const mine = begin("Looking at your picture \u2026");
  showPreview(picture);
  const keepHere = isPrivate() && !sendIt;
  const context = { device, server, isPrivate: keepHere, reject };
  const show = await outcome(
    async () => {
      const { row, why } = await answerPicture(picture, context);
      const entry = { picture, row, why, label };
      addToHistory(picture, entry, reopen); // beside the answer: a large picture takes a while
      return () => present(entry);
    },
    () => ask(picture, { label, reject, sendIt }),
  );
  end(mine, show);
}

async function askAddress(address) {
  const mine = begin("Fetching the picture \u2026");
  const again = () => askAddress(address);
  const picture = await fetchPicture(address);
  if (mine !== newest) return;
  if (picture) return ask(picture);
  const show = await outcome(async () => {
    if (!site.urls || isPrivate()) throw unreadable();
    showAddressPreview(address);
    const row = await server.predictAddress(address, true);
    return () => present({ picture: null, row, why: "alone", label: null });
  }, again);
  end(mine, show);
}

const unreadable = () =>
  new Unanswered(
    "That address gives this page no picture: there is none, or its site lets no other page read it.",
    "Save the picture and choose the file, or copy the picture itself and paste it here.",
  );

// What to show after `work`, an answer or a problem; bugs are left to raise.
async function outcome(work, again) {
  try {
    return await work();
  } catch (error) {
    const retry = { text: "Try again", act: again };
    if (error instanceof ServerAway) {
      return () => showProblem("The server can\u2019t be reached", "Is the network there?", retry);
    }
    if (error instanceof Refusal || error instanceof Unanswered) {
      const helps = error.helps || BUSY.includes(error.code);
      return () => showProblem(error.message, error.whatToDo, helps ? retry : null);
    }
    showProblem("This page has a fault", String(error.message), null);
    throw error;
  }
}

function begin(text) {
  $("busy").hidden = false;
  $("frame").setAttribute("aria-busy", "true");
  $("welcome").hidden = true;
  showWaiting(text);
  return ++newest;
}

function end(mine, show) {
  if (mine !== newest) return;
  $("busy").hidden = true;
  $("frame").setAttribute("aria-busy", "false");
  show();
  // On a phone the answer is below the picture.
  $("answer").scrollIntoView({ block: "nearest", behavior: isCalm() ? "auto" : "smooth" });
}

function present(entry) {
  const { picture, row, why, label } = entry;
  const actions = [];
  const offer = (text, how) => actions.push({ text, act: () => ask(picture, { label, ...how }) });
  if (picture && row.answer.probability === null) offer("Answer anyway", { reject: false });
  if (picture && why === "kept") offer("Ask the server this once", { sendIt: true });
  if (picture && (why === "offline" || why === "busy")) offer("Try again", {});
  if (correct)
    actions.push({ text: "Not right? Correct it", act: () => correct(entry, isPrivate()) });
  showAnswer(row, why, { labels, thresholds }, { label, actions });
}

// A picture of the history, with the answer it had.
function reopen(entry) {
  const mine = begin("");
  showPreview(entry.picture);
  end(mine, () => present(entry));
  $("picture").scrollIntoView({ block: "nearest", behavior: isCalm() ? "auto" : "smooth" });
}

function clear() {
  newest++;
  hidePreview();
  $("busy").hidden = true;
  $("answer").replaceChildren();
  $("more").hidden = true;
  $("welcome").hidden = false;
  $("choose").focus();
}

start().catch((error) => {
  showProblem("This page could not start", `${error.message}. Load it again.`, null);
  $("welcome").hidden = true;
  throw error;
});
