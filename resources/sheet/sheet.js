"use strict";
// Text of conversations reaches the page through textContent alone; nothing is loaded and nothing is sent.
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const fields = data.fields, talks = data.conversations;
const store = `labels/${data.sheet}/${data.third_reading ? "third" : "first"}`;
const columns = ["source", "conversation_id", "reader", "sheet", "third_reading", ...fields.map(field => field.name), "notes"];
let answers = {}, place = 0;

function say(text) {
  at("message").textContent = text;
  at("message").hidden = !text;
}

// --- answers: kept by reader, so that two who share a browser do not see one another's

function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch (error) {
    say("This browser keeps nothing for local files: export before you close the page, and import to go on.");
    return null;
  }
}

function keep() {
  try {
    localStorage.setItem(`${store}/reader`, at("reader").value);
    localStorage.setItem(`${store}/of/${at("reader").value}`, JSON.stringify({ answers, place }));
  } catch (error) {
    say("This browser could not keep the last answer: export before you close the page.");
  }
}

function load() {
  const found = JSON.parse(kept(`${store}/of/${at("reader").value}`) || "{}");
  answers = found.answers || {};
  place = Math.min(found.place || 0, talks.length - 1);
}

const answer = () => (answers[talks[place].conversation_id] ||= {});
const chosen = (given, field) => (given[field.name] || "").split("|").filter(Boolean);

function asked(field, given, talk) {
  if (talk.n_human < field.least_human_messages) return false;
  if (!field.needs) return true;
  const value = given[field.needs[0]] || "";
  return field.needs[1] ? value.split("|").includes(field.needs[1]) : value !== "";
}

function lacking(number) {
  const talk = talks[number], given = answers[talk.conversation_id] || {};
  // Sentiment may stay out in a table, but the sheet asks for it wherever there is enough to read.
  return fields.filter(field => (field.required || field.least_human_messages) && asked(field, given, talk) && !given[field.name]);
}

function choose(field, value) {
  const given = answer(), before = chosen(given, field);
  const without = before.filter(part => part !== value);
  const after = without.length < before.length ? without : field.kind === "one" ? [value] : [...before, value];
  given[field.name] = field.options.map(option => option[0]).filter(option => after.includes(option)).join("|");
  for (const other of fields) if (!asked(other, given, talks[place])) delete given[other.name];
  keep();
  show();
  document.querySelector(`button[data-field="${field.name}"][data-value="${value}"]`).focus();
}

// --- the page

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function fieldset(field, given) {
  const set = element("fieldset", "", { class: "field" });
  set.append(element("legend", field.keys ? field.title : `${field.title} (M)`));
  const now = chosen(given, field);
  if (!field.keys) {
    const select = element("select", "", { "aria-label": field.title });
    for (const [value, title] of [["", "choose"], ...field.options]) select.append(element("option", title, { value }));
    select.value = now[0] || "";
    select.onchange = () => {
      given[field.name] = select.value;
      keep();
      tell(); // the fields stay as they are: whoever types on keeps the focus
    };
    set.append(select);
    return set;
  }
  field.options.forEach(([value, title], number) => {
    const button = element("button", "", { "aria-pressed": now.includes(value), "data-field": field.name, "data-value": value });
    button.append(element("kbd", field.keys[number].toUpperCase()), title);
    button.onclick = () => choose(field, value);
    set.append(button);
  });
  return set;
}

function show() {
  const talk = talks[place], given = answer();
  at("heading").textContent = `Conversation ${place + 1} of ${talks.length}`;
  at("differ").textContent = talk.differ ? `The readers differ on: ${talk.differ}.` : "";
  at("differ").hidden = !talk.differ;
  if (at("messages").dataset.of !== talk.conversation_id) {
    at("messages").dataset.of = talk.conversation_id;
    at("messages").replaceChildren(...talk.messages.map(message => {
      const block = element("div", "", { class: `message ${message.role}` });
      block.append(element("div", message.role, { class: "role" }), element("div", message.text, { class: "text", dir: "auto" }));
      return block;
    }));
    at("talk").scrollTop = 0;
    at("notes").value = given.notes || "";
  }
  at("fields").replaceChildren(...fields.filter(field => asked(field, given, talk)).map(field => fieldset(field, given)));
  tell();
}

function tell() {
  const left = lacking(place), done = talks.filter((_, number) => !lacking(number).length).length;
  at("missing").textContent = left.length ? `Still open: ${left.map(field => field.title).join(", ")}` : "Complete.";
  at("count").textContent = `${done} of ${talks.length} read`;
  at("progress").max = talks.length;
  at("progress").value = done;
}

function go(to) {
  if (to < 0 || to >= talks.length) return;
  place = to;
  keep();
  show();
}

function unread() {
  const order = talks.map((_, step) => (place + step) % talks.length);
  const found = order.find(number => lacking(number).length);
  if (found === undefined) say("Every conversation is read. Export the labels.");
  else go(found);
}

// --- out and in

const quoted = value => /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

function csv() {
  const reader = at("reader").value.trim();
  // What is not complete has not been read, and is not exported.
  const read = talks.filter((_, number) => !lacking(number).length);
  const rows = read.map(talk => ({ ...answers[talk.conversation_id], source: data.dataset, conversation_id: talk.conversation_id,
    reader, sheet: data.sheet, third_reading: data.third_reading ? "1" : "0" }));
  return [columns, ...rows.map(row => columns.map(column => row[column] || ""))].map(row => row.map(quoted).join(",") + "\r\n").join("");
}

function parsed(text) {
  const rows = [[""]];
  let inside = false;
  for (let i = 0; i < text.length; i++) {
    const row = rows[rows.length - 1], sign = text[i];
    if (inside && sign === '"' && text[i + 1] === '"') row[row.length - 1] += text[++i];
    else if (sign === '"') inside = !inside;
    else if (!inside && sign === ",") row.push("");
    else if (!inside && sign === "\n") rows.push([""]);
    else if (inside || sign !== "\r") row[row.length - 1] += sign;
  }
  return rows.filter(row => row.length > 1);
}

function take(text) {
  const [head, ...rows] = parsed(text.replace(/^\ufeff/, ""));
  const known = new Set(talks.map(talk => talk.conversation_id));
  const lost = columns.filter(column => !(head || []).includes(column));
  if (lost.length) return say(`This is no export of a sheet: it lacks the columns ${lost.join(", ")}.`);
  let taken = 0;
  for (const cells of rows) {
    const row = Object.fromEntries(head.map((column, number) => [column, cells[number] || ""]));
    if (row.sheet !== data.sheet || !known.has(row.conversation_id)) continue;
    if (!at("reader").value) at("reader").value = row.reader;
    answers[row.conversation_id] = Object.fromEntries([...fields.map(field => field.name), "notes"].map(name => [name, row[name]]));
    taken += 1;
  }
  delete at("messages").dataset.of;
  keep();
  show();
  say(taken === rows.length ? "" : `${taken} of ${rows.length} rows are of this sheet; the others were left out.`);
}

at("export").onclick = () => {
  if (!at("reader").value.trim()) {
    at("reader").focus();
    return say("Enter your name first: labels are told apart by it.");
  }
  const link = element("a", "", { download: `${data.dataset}_${at("reader").value.trim().replace(/[^\w-]+/g, "_")}.csv` });
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.click();
  say("");
};
at("import").onchange = async event => {
  take(await event.target.files[0].text());
  event.target.value = "";
};
at("reader").onchange = () => {
  // What was answered before there was a name belongs to whoever gives one first.
  const unnamed = kept(`${store}/reader`) ? {} : answers;
  load();
  answers = { ...unnamed, ...answers };
  delete at("messages").dataset.of;
  keep();
  show();
};
at("notes").oninput = () => {
  answer().notes = at("notes").value;
  keep();
};
at("previous").onclick = () => go(place - 1);
at("next").onclick = () => go(place + 1);
at("unread").onclick = unread;

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "Enter" && event.target.tagName === "BUTTON" && !event.target.dataset.field) return; // it presses the button
  const key = event.key.toLowerCase();
  const moves = { arrowleft: () => go(place - 1), arrowright: () => go(place + 1), enter: unread, n: () => at("notes").focus(), m: () => document.querySelector("select")?.focus() };
  const field = fields.find(field => key.length === 1 && field.keys.includes(key) && asked(field, answer(), talks[place]));
  if (!moves[key] && !(field && field.options[field.keys.indexOf(key)])) return;
  event.preventDefault();
  if (moves[key]) moves[key]();
  else choose(field, field.options[field.keys.indexOf(key)][0]);
});

at("reader").value = kept(`${store}/reader`) || "";
load();
show();
