// okap.js as an ES module.
import "./okap.js";

export const { request, OkapError } = globalThis.okap;
