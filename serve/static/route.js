// Who answers a picture: this device where it is sure, else the server, if it may be asked.
import { NoAnswer } from "./device_model.js";
import { stands, unsure } from "./handover.js";
import { Refusal, ServerAway } from "./server.js";

export const BUSY = ["busy", "too_many_requests"]; // of a Refusal

// Raised where nobody can answer; the message is for people. `helps`: trying again may help.
export class Unanswered extends Error {
  constructor(message, whatToDo, helps = false) {
    super(message);
    Object.assign(this, { whatToDo, helps });
  }
}

// -> { row, why }. `why` is
//   "sure": this device's own answer; "turned": the server's, since this device was not sure;
//   "alone": the server's, as this device has no model (yet);
//   "kept", "offline", "no_server": not sure here, and the server was not asked, and why.
// `server` is null where there is none; `isPrivate`: nothing may be sent.
// Raises Refusal or Unanswered.
export async function answerPicture(picture, { device, server, isPrivate, reject = true }) {
  const mayAsk = server && !isPrivate;
  if (device.state === "loading") {
    const row = mayAsk && (await askServerIfThere(server, picture, reject));
    if (row) return { row, why: "alone" };
    await device.settled;
  }
  if (device.state !== "ready") {
    if (!mayAsk) throw nobody(device, server);
    return { row: await askServer(server, picture, reject), why: "alone" };
  }
  let own;
  try {
    own = await device.ask(picture, reject);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (mayAsk) return { row: await askServer(server, picture, reject), why: "alone" };
    if (!error.isPicture) throw nobody(device, server);
    throw new Unanswered("This browser can't read that file.", "Try a JPEG, PNG or WebP picture.");
  }
  if (stands(own, device.thresholds)) return { row: own, why: "sure" };
  if (!mayAsk) return { row: unsure(own), why: server ? "kept" : "no_server" };
  try {
    return { row: await server.predict(picture, reject), why: "turned" };
  } catch (error) {
    if (error instanceof ServerAway) return { row: unsure(own), why: "offline" };
    const isBusy = error instanceof Refusal && BUSY.includes(error.code);
    if (isBusy) return { row: unsure(own), why: "busy" };
    throw error;
  }
}

// A row, or null where no server answers.
async function askServerIfThere(server, picture, reject) {
  try {
    return await server.predict(picture, reject);
  } catch (error) {
    if (error instanceof ServerAway) return null;
    throw error;
  }
}

async function askServer(server, picture, reject) {
  const row = await askServerIfThere(server, picture, reject);
  if (row) return row;
  throw new Unanswered(
    "The server can\u2019t be reached, and this device has no model that could answer.",
    "Try again when there is a network.",
    true,
  );
}

function nobody(device, server) {
  const whatToDo = server
    ? "Let the server answer: switch off \u201CKeep pictures on this device\u201D."
    : "Load the page again, or try another browser.";
  return new Unanswered(
    `There is no model on this device that could answer: ${device.why}.`,
    whatToDo,
  );
}
