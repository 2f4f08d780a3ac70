// Shows /api/openapi.json. Everything is put in as text, never as markup; the token is kept in memory alone.

const byId = (id) => document.getElementById(id);

function element(name, text, attributes = {}, children = []) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function resolved(spec, value) {
  const seen = new Set();
  while (value && value.$ref && !seen.has(value.$ref)) {
    seen.add(value.$ref);
    value = value.$ref.replace(/^#\//, "").split("/").reduce((at, part) => (at || {})[part], spec);
  }
  return value || {};
}

function kindOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kindOf).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${kindOf(schema.items || {})}`;
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "pattern", "format"]
    .filter((name) => schema[name] !== undefined)
    .map((name) => `${name} ${schema[name]}`);
  return [schema.type || "anything", ...bounds].join(", ");
}

function table(rows) {
  const cells = rows.map(([name, kind, needed, about]) =>
    element("tr", "", {}, [
      element("th", "", { scope: "row" }, [element("code", name)]),
      element("td", kind),
      element("td", needed ? "required" : ""),
      element("td", about || ""),
    ]),
  );
  return element("table", "", {}, [element("tbody", "", {}, cells)]);
}

function fields(spec, schema) {
  const found = resolved(spec, schema);
  if (!found.properties) return element("p", kindOf(schema));
  const required = new Set(found.required || []);
  return table(
    Object.entries(found.properties).map(([name, one]) => [name, kindOf(one), required.has(name), one.description]),
  );
}

function section(title, ...children) {
  return element("section", "", {}, [element("h4", title), ...children]);
}

function bodyOf(spec, body) {
  const parts = [];
  for (const [type, media] of Object.entries(body.content || {})) {
    parts.push(element("p", type), fields(spec, media.schema || {}));
    if (media.example !== undefined) parts.push(element("pre", JSON.stringify(media.example, null, 2)));
  }
  return parts;
}

function operationOf(spec, verb, path, operation) {
  const parts = [element("p", operation.description || "")];
  const parameters = (operation.parameters || []).map((one) => resolved(spec, one));
  if (parameters.length) {
    parts.push(
      section(
        "Parameters",
        table(
          parameters.map((one) => [
            one.name,
            `${one.in}: ${kindOf(one.schema || {})}`,
            one.required,
            [one.description, one.example === undefined ? "" : `Example: ${one.example}`].filter(Boolean).join(" "),
          ]),
        ),
      ),
    );
  }
  if (operation.requestBody) parts.push(section("Body", ...bodyOf(spec, operation.requestBody)));
  for (const [status, told] of Object.entries(operation.responses || {})) {
    const response = resolved(spec, told);
    const shown = status < "300" ? bodyOf(spec, response) : [];
    parts.push(section(`${status} ${response.description || ""}`, ...shown));
  }
  const head = element("summary", "", {}, [
    element("span", verb.toUpperCase(), { class: `verb ${verb.toUpperCase()}` }),
    element("code", path),
    document.createTextNode(` ${operation.summary || ""}`),
  ]);
  const made = element("details", "", { id: operation.operationId || `${verb}-${path}` }, [head, ...parts]);
  made.dataset.words = `${verb} ${path} ${operation.operationId} ${operation.description}`.toLowerCase();
  return made;
}

function show(spec) {
  byId("about").textContent = `${spec.info.title} ${spec.info.version}. ${spec.info.description || ""}`;
  const topics = new Map((spec.tags || []).map((tag) => [tag.name, { about: tag.description, operations: [] }]));
  for (const [path, verbs] of Object.entries(spec.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      const topic = (operation.tags || ["Others"])[0];
      if (!topics.has(topic)) topics.set(topic, { about: "", operations: [] });
      topics.get(topic).operations.push(operationOf(spec, verb, path, operation));
    }
  }
  for (const [name, topic] of topics) {
    const anchor = `topic-${name.toLowerCase().replaceAll(" ", "-")}`;
    byId("topics").append(element("a", name, { href: `#${anchor}` }));
    const heading = element("h2", name, { id: anchor });
    byId("operations").append(element("section", "", {}, [heading, element("p", topic.about), ...topic.operations]));
  }
  byId("sign-in").hidden = true;
  byId("document").hidden = false;
}

byId("find").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of document.querySelectorAll("details")) {
    one.hidden = !words.every((word) => one.dataset.words.includes(word));
  }
});

async function asked(path, options) {
  const answer = await fetch(path, { ...options, credentials: "omit", cache: "no-store" });
  const told = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(told.error ? told.error.message : `The answer was ${answer.status}.`);
  return told;
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  byId("trouble").textContent = "";
  try {
    const given = JSON.stringify({ name: form.elements.name.value, password: form.elements.password.value });
    const headers = { "Content-Type": "application/json" };
    const { token } = await asked("/api/tokens", { method: "POST", headers, body: given });
    const authorization = { Authorization: `Bearer ${token}` };
    try {
      show(await asked("/api/openapi.json", { headers: authorization }));
    } finally {
      form.elements.password.value = "";
      await asked("/api/tokens/current", { method: "DELETE", headers: authorization });
    }
  } catch (error) {
    byId("trouble").textContent = error.message;
  }
});
