// The form that starts a search.

import { get, once, post } from "/page/client.js";
import { failure, fill, h, size } from "/page/dom.js";

const OWN = "own document…";
const SAMPLERS = ["auto", "tpe", "nsga2", "nsga3", "gp", "random"];
const OBJECTIVES = { psnr: "PSNR", score: "challenge score", latency: "latency", params: "parameters", flops: "FLOPs" };

export async function launch(main) {
  document.title = "New search";
  fill(main, h("div", { class: "skeleton tall", role: "status", "aria-label": "Loading the form" }));
  try {
    const [spaces, datasets, recipes] = await Promise.all(["/v1/spaces", "/v1/datasets", "/v1/recipes"].map((path) => get(path)));
    const names = (list) => list.items.map((item) => item.name);
    fill(main, form(names(spaces), names(datasets), names(recipes)));
    main.querySelector("input")?.focus();
  } catch (error) {
    fill(main, failure(error, () => launch(main)));
  }
}

function field(name, title, control, hint) {
  control.id = `field-${name}`;
  control.name = name;
  control.setAttribute("aria-describedby", `about-${name}`);
  const about = h("p", { class: "hint", id: `about-${name}` }, hint ?? "");
  return h("div", { class: "field" }, h("label", { for: control.id }, title), control, about);
}

const select = (options, chosen) => h("select", {}, options.map((option) => h("option", { value: option, selected: option === chosen }, option)));

function form(spaces, datasets, recipes) {
  const key = once();
  const notice = h("div", { class: "notices" });
  const own = field("document", "Space document", h("textarea", { rows: 10, spellcheck: "false" }), "YAML or JSON, as docs/reference describes.");
  own.hidden = true;
  const space = select([...spaces, OWN]);
  const objectives = Object.entries(OBJECTIVES).map(([name, words]) =>
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "objectives", value: name, checked: ["psnr", "score"].includes(name) }), words));
  const element = h("form", { class: "card launch", novalidate: true, onsubmit: (event) => submit(event, { notice, key }) },
    h("h2", {}, "New search"), notice,
    field("name", "Name", h("input", { maxlength: 200, autocomplete: "off" }), "For you to find it again; may be left empty."),
    field("space", "Search space", space), own,
    h("div", { class: "pair" }, field("data", "Photographs", select(datasets, "embedded"), "Registered with: nas data add NAME FOLDER"), field("recipe", "Training recipe", select(recipes, "demo"))),
    h("div", { class: "pair" }, field("trials", "Trials", h("input", { type: "number", min: 1, value: 40 })), field("device", "Device", h("input", { value: "auto", autocomplete: "off" }), "auto, cpu, cuda or cuda:N")),
    h("details", {}, h("summary", {}, "Sampler, objectives and bounds"),
      h("fieldset", {}, h("legend", {}, "Objectives"), objectives),
      h("div", { class: "pair" }, field("sampler", "Sampler", select(SAMPLERS, "auto")), field("seed", "Seed", h("input", { type: "number", min: 0, value: 0 }))),
      field("require", "Bounds", h("textarea", { rows: 3, spellcheck: "false", placeholder: "latency_ms <= 10" }), "One on a line, such as params <= 276000."),
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "warm" }), "begin with the published systems that fit the space")),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Start the search"), h("a", { class: "button", href: "#/" }, "Back")));
  space.addEventListener("change", () => {
    own.hidden = space.value !== OWN;
    describe(element);
  });
  own.querySelector("textarea").addEventListener("change", () => describe(element));
  describe(element);
  return element;
}

const chosenSpace = ({ space, document: own }) => (space.value === OWN ? { text: own.value } : { space: space.value });

// The size of the space stands under its field, so that a mistake in a document shows before anything starts.
async function describe(element) {
  const fields = element.elements;
  const about = element.querySelector(fields.space.value === OWN ? "#about-document" : "#about-space");
  if (fields.space.value === OWN && !fields.document.value.trim()) return;
  about.classList.remove("wrong");
  try {
    const space = await post("/v1/spaces/check", chosenSpace(fields));
    about.textContent = `${size(space)} architectures, scale ${space.scale}`;
  } catch (error) {
    about.textContent = error.message;
    about.classList.add("wrong");
  }
}

async function request(fields) {
  const space = fields.space.value === OWN ? (await post("/v1/spaces/check", chosenSpace(fields))).document : fields.space.value;
  const picked = [...fields.objectives].filter((box) => box.checked).map((box) => box.value);
  const lines = fields.require.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const given = { name: fields.name.value, data: fields.data.value, recipe: fields.recipe.value, sampler: fields.sampler.value, device: fields.device.value, warm_start: fields.warm.checked };
  return { ...given, space, objectives: picked, require: lines, trials: Number(fields.trials.value), seed: Number(fields.seed.value) };
}

async function submit(event, { notice, key }) {
  event.preventDefault();
  const element = event.currentTarget;
  const button = element.querySelector("button[type=submit]");
  button.disabled = true;
  for (const wrong of element.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
  try {
    const made = await post("/v1/searches", await request(element.elements), { "Idempotency-Key": key });
    location.hash = `#/searches/${made.id}`;
  } catch (error) {
    fill(notice, failure(error));
    mark(element, error.errors ?? []);
  } finally {
    button.disabled = false;
  }
}

function mark(element, errors) {
  const named = errors.map(({ path }) => element.querySelector(`#field-${CSS.escape(path.split(".")[0])}`)).filter(Boolean);
  for (const control of named) {
    control.setAttribute("aria-invalid", "true");
    control.closest("details")?.setAttribute("open", "");
  }
  (named[0] ?? element.querySelector(".notice"))?.focus?.();
}
