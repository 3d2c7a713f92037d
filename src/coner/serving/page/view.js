// Answers as elements. Text of models and users only ever becomes text nodes.

export const COLOURS = 8; // classes g0 to g7 of page.css

export function make(tag, options = {}, ...children) {
  const { data, ...properties } = options;
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

function percent(share) {
  return `${Math.floor(100 * share)} %`; // as the slider counts: what shows 50 % stays at 50 %
}

// A text with its entities marked. Offsets count code points, strings count UTF-16 units: hence the points.
export function marked(text, entities, { colour, alone, number }) {
  const points = Array.from(text);
  const line = make("p", { className: "text" });
  let reached = 0;
  entities.forEach((entity, at) => {
    line.append(points.slice(reached, entity.char_start).join(""));
    const only = alone(entity);
    const mark = make(
      "mark",
      { className: `g${colour(entity.group)}${only ? " alone" : ""}`, tabIndex: 0, data: { text: number, entity: at } },
      points.slice(entity.char_start, entity.char_end).join(""),
      make("span", { className: "chip" }, ` ${entity.label} ${percent(entity.confidence)}`),
    );
    mark.setAttribute("aria-describedby", "detail");
    line.append(mark);
    reached = entity.char_end;
  });
  line.append(points.slice(reached).join(""));
  return line;
}

export function legend(groups, counts, colour) {
  return groups.map((group) =>
    make(
      "li",
      {},
      make("span", { className: `swatch g${colour(group)}`, ariaHidden: "true" }),
      `${group} ${counts.get(group) ?? 0}`,
    ),
  );
}

// What is known of one entity, for the box beside it.
export function details(entity, { definition, only }) {
  const rows = [
    ["label", entity.label],
    ["group", entity.group],
    ["confidence", `${(100 * entity.confidence).toFixed(1)} %`],
    ["words", span(entity.start, entity.end)],
    ["characters", span(entity.char_start, entity.char_end)],
  ];
  const list = make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  const parts = [make("strong", {}, entity.text), list];
  if (definition) parts.splice(1, 0, make("p", {}, definition));
  if (only) parts.push(make("p", { className: "only" }, "Only this model has it."));
  return parts;
}

function span(start, end) {
  return end - start === 1 ? `${start}` : `${start} to ${end - 1}`;
}

// Beside the mark, and within the window.
export function place(box, mark) {
  const at = mark.getClientRects()[0];
  const { clientWidth: width, clientHeight: height } = document.documentElement;
  const left = Math.max(8, Math.min(at.left, width - box.offsetWidth - 8));
  const below = at.bottom + 6;
  const top = below + box.offsetHeight <= height ? below : Math.max(8, at.top - box.offsetHeight - 6);
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}
