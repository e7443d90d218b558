// Calls of the service: JSON, files and the stream of events, with the key when one is needed.

const KEY = "nas-api-key";

export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? `The service answered ${status}.`);
    this.status = status;
    this.errors = document.errors ?? [];
  }
}

export const keepKey = (key) => sessionStorage.setItem(KEY, key);

async function call(path, options = {}) {
  const headers = new Headers(options.headers);
  const key = sessionStorage.getItem(KEY);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The service does not answer. Is it still running?" });
  }
  if (response.ok) return response;
  const problem = new Problem(response.status, await response.json().catch(() => ({})));
  if (problem.status === 401) dispatchEvent(new CustomEvent("key-needed", { detail: problem.message }));
  throw problem;
}

export const get = async (path, signal) => (await call(path, { signal })).json();

export const text = async (path, signal) => (await call(path, { signal })).text();

export async function post(path, body, headers = {}) {
  const options = { method: "POST", headers };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json", ...headers };
  }
  return (await call(path, options)).json();
}

/** All items of a list, page by page. */
export async function* items(path, signal) {
  for (let cursor = ""; cursor !== null; ) {
    const separator = path.includes("?") ? "&" : "?";
    const page = await get(path + (cursor && `${separator}cursor=${encodeURIComponent(cursor)}`), signal);
    yield* page.items;
    cursor = page.next_cursor;
  }
}

export async function download(path, name) {
  const blob = await (await call(path)).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** A key that makes a repeated request harmless. */
export const once = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");

// EventSource cannot send a key, so the stream is read here; it resumes after the last event that was seen.
export async function* events(path, { after, signal, onstate }) {
  for (let last = after, wait = 500; !signal.aborted; wait = Math.min(wait * 2, 10_000)) {
    try {
      const response = await call(path, { signal, headers: { "Last-Event-ID": last, Accept: "text/event-stream" } });
      onstate("live");
      for await (const event of parse(response.body)) {
        wait = 500;
        if (event.id) last = event.id;
        if (event.kind === "end") return;
        yield event;
      }
    } catch (error) {
      if (signal.aborted || (error.status >= 400 && error.status < 500)) throw error;
    }
    onstate("waiting");
    await new Promise((resume) => setTimeout(resume, wait));
  }
}

async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", chunk; !(chunk = await reader.read()).done; ) {
    const blocks = (rest + chunk.value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = fields(block);
      if (event.data) yield { id: event.id, kind: event.event, payload: JSON.parse(event.data) };
    }
  }
}

const fields = (block) =>
  Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
