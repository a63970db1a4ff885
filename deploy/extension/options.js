"use strict";

const field = document.getElementById("vault");
const state = document.getElementById("state");

// A vault is an origin: https, or http on this machine. What else was pasted is left away.
function originOf(text) {
  try {
    const url = new URL(text.includes("://") ? text : `https://${text}`);
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    return url.protocol === "https:" || (url.protocol === "http:" && local) ? url.origin : null;
  } catch {
    return null;
  }
}

document.getElementById("vault-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = field.value.trim();
  const vault = text && originOf(text);
  field.setAttribute("aria-invalid", String(vault === null));
  if (vault === null) {
    state.textContent = "An address that begins with https:// is needed.";
    return;
  }
  field.value = vault;
  await (vault ? chrome.storage.local.set({ vault }) : chrome.storage.local.remove("vault"));
  state.textContent = vault ? "Saved." : "No vault: pages that ask are told so.";
});

// What was typed before the stored address came stays.
chrome.storage.local.get("vault").then(({ vault }) => {
  if (vault && field.value === "") field.value = vault;
});
