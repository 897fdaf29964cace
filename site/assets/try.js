// The text of the fields in, what the webhook would say of it out; the verdicts are those of playground_bg.wasm.
import init, { check, fix, take, version } from "./playground.js";

const MANIFEST = (spec) => `apiVersion: modelplane.ai/v1alpha1
kind: ModelEndpoint
metadata:
  name: qwen-72b
  namespace: ml-team
spec:
${spec}`;

const EXAMPLES = {
  "two mistakes": MANIFEST("  url: https://qwen.example.com:8443/v1\n  rewritePath: openai\n"),
  "no rewritePath": MANIFEST("  url: https://api.groq.com/openai/v1\n"),
  "no final slash": MANIFEST("  url: http://10.0.1.50/ml-team/qwen-72b/\n  rewritePath: /ml-team/qwen-72b\n"),
  "a url that freezes others": MANIFEST("  url: 'http://[::1'\n"),
  "Modelplane 0.5": MANIFEST("  origin: https://api.groq.com/openai/v1\n  api:\n    schema: OpenAI\n  model: qwen-3\n"),
  "a version sent twice": MANIFEST("  url: https://api.together.xyz/v1\n  rewritePath: /v1/\n"),
};

const LONGEST = 1 << 20;
const SEVERITIES = { deny: "refused", warn: "warning", change: "changed when stored" };

const by = (id) => document.getElementById(`try-${id}`);
const fields = { manifests: by("manifests"), policy: by("policy"), namespace: by("namespace") };
const earlier = [];
let waiting;

// An element with these properties and children, whose text is never read as HTML.
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const text = () => [fields.manifests.value, fields.policy.value, fields.namespace.value || "default"];

function show() {
  const [manifests, policy] = text();
  if (manifests.length + policy.length > LONGEST) {
    by("findings").replaceChildren();
    by("stored").replaceChildren();
    by("providers").replaceChildren();
    by("status").textContent = "This is more than a page can check as you type: use modelendpoint check.";
    return;
  }
  const answer = JSON.parse(check(...text()));
  by("mistakes").replaceChildren(...(answer.mistakes ?? []).map(mistake));
  if (answer.mistakes) by("more").open = true;
  by("findings").replaceChildren(...(answer.findings ?? []).map(finding));
  by("stored").replaceChildren(...stored(answer.stored ?? []));
  by("providers").replaceChildren(...(answer.providers ?? []).map(provider));
  by("status").textContent = summary(answer);
  by("fix").disabled = fix(...text(), false) === undefined;
  by("guess").disabled = fix(...text(), true) === undefined;
}

function summary({ mistakes, findings, stored, skipped }) {
  if (mistakes) return "The policy can't be used.";
  const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  const refused = stored.filter((endpoint) => endpoint.refused).length;
  const others = skipped > 0 ? `; ${count(skipped, "other object")} skipped` : "";
  return `${count(stored.length, "ModelEndpoint")}: ${refused} refused, ${count(findings.length, "finding")}${others}.`;
}

function mistake({ line, column, why }) {
  return element("li", {}, `line ${line}, column ${column}: ${why}`);
}

function finding(found, index) {
  const [before, marked, after] = found.excerpt;
  const rule = found.page
    ? element("a", { href: found.page, textContent: found.rule })
    : element("span", { textContent: found.rule });
  const go = element("button", {
    type: "button",
    textContent: `Go to line ${found.line}`,
    onclick: () => {
      fields.manifests.focus();
      fields.manifests.setSelectionRange(...found.select);
    },
  });
  const use =
    found.suggestion === null
      ? null
      : element("button", { type: "button", onclick: () => become(take(...text(), index)) }, found.isGuess ? "Guess: use " : "Use ", code(found.suggestion));
  return element(
    "li",
    { className: `try-finding try-${found.severity}` },
    element("p", { className: "try-title" }, element("strong", {}, SEVERITIES[found.severity]), " ", rule, `: ${found.title}`),
    element("pre", {}, before, element("mark", {}, marked || "\u00a0"), after),
    found.remedy === null ? null : element("p", {}, `Instead: ${found.remedy}.`),
    element("p", { className: "try-bar" }, go, use),
  );
}

function stored(endpoints) {
  if (endpoints.length === 0) return [];
  const field = ({ path, value, setBy }) =>
    element("div", {}, `${path}: `, code(value), setBy === null ? null : ` (set by ${setBy})`);
  const row = ({ namespace, name, refused, fields }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `${namespace}/${name}`),
      element("td", {}, ...(refused ? ["refused"] : fields.map(field))),
    );
  const heading = (name) => element("th", { scope: "col", textContent: name });
  return [
    element(
      "table",
      {},
      element("caption", { textContent: "What would be stored" }),
      element("thead", {}, element("tr", {}, ...["ModelEndpoint", "stored"].map(heading))),
      element("tbody", {}, ...endpoints.map(row)),
    ),
  ];
}

function provider({ name, page, write, note }) {
  return element(
    "section",
    { className: "try-provider" },
    element("p", {}, "What to write for ", element("a", { href: page, textContent: name }), write === null ? ": a proxy in front." : ":"),
    write === null ? null : element("pre", {}, code(write)),
    note === null ? null : element("p", {}, note),
  );
}

const code = (textContent) => element("code", { textContent });

// Replaces the manifests, so that it can be undone.
function become(manifests) {
  if (manifests === undefined) return;
  earlier.push(fields.manifests.value);
  by("undo").disabled = false;
  fields.manifests.value = manifests;
  fields.manifests.focus();
  show();
}

function undo() {
  fields.manifests.value = earlier.pop() ?? fields.manifests.value;
  by("undo").disabled = earlier.length === 0;
  show();
}

// The fragment of an address never leaves the browser.
function fragment() {
  const [manifests, policy, namespace] = text();
  const bytes = new TextEncoder().encode(JSON.stringify({ manifests, policy, namespace }));
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `#${base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

function readFragment() {
  try {
    const base64 = location.hash.slice(1).replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const shared = JSON.parse(new TextDecoder().decode(bytes));
    for (const [name, field] of Object.entries(fields)) {
      if (typeof shared[name] === "string") field.value = shared[name];
    }
    by("more").open = fields.policy.value !== "";
    return true;
  } catch {
    return false;
  }
}

async function share() {
  history.replaceState(null, "", fragment());
  try {
    await navigator.clipboard.writeText(location.href);
    by("status").textContent = "The link is copied. It holds what you wrote, and anyone who has it can read that.";
  } catch {
    by("status").textContent = "The link is in the address bar. It holds what you wrote, and anyone who has it can read that.";
  }
}

function start() {
  by("version").textContent = version();
  by("example").append(...Object.keys(EXAMPLES).map((name) => element("option", { textContent: name })));
  by("example").onchange = () => become(EXAMPLES[by("example").value]);
  by("fix").onclick = () => become(fix(...text(), false));
  by("guess").onclick = () => become(fix(...text(), true));
  by("undo").onclick = undo;
  by("share").onclick = share;
  for (const field of Object.values(fields)) {
    field.oninput = () => {
      clearTimeout(waiting);
      waiting = setTimeout(show, 150);
    };
  }
  // the book turns its pages with arrow keys
  document.getElementById("try").addEventListener("keydown", (event) => event.stopPropagation());
  window.addEventListener("hashchange", () => readFragment() && show());
  if (!readFragment()) fields.manifests.value = Object.values(EXAMPLES)[0];
  show();
}

try {
  await init();
  start();
} catch (error) {
  by("status").textContent = `The checker did not start (${error}). modelendpoint check does the same at a terminal.`;
}
