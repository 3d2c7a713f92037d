// Results as elements. Text from models and users becomes text nodes only, never markup.

export function make(tag, options = {}, ...children) {
  const { data, ...properties } = options;
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

// Rounded down, as the slider compares: an entity shown with 50 % stays when the slider is at 50 %.
function percent(confidence) {
  return `${Math.floor(100 * confidence)} %`;
}

// A text with its entities marked. Offsets count code points, while JavaScript strings count UTF-16 units.
export function highlight(text, entities, { colour, isUnique, number }) {
  const characters = Array.from(text);
  const line = make("p", { className: "text", dir: "auto" });
  let position = 0;
  entities.forEach((entity, index) => {
    line.append(characters.slice(position, entity.char_start).join(""));
    const className = `m${colour(entity.group)}${isUnique(entity) ? " unique" : ""}`;
    const mark = make(
      "mark",
      { className, tabIndex: 0, data: { text: number, entity: index } },
      characters.slice(entity.char_start, entity.char_end).join(""),
      make("span", { className: "chip" }, ` ${entity.label} ${percent(entity.confidence)}`),
    );
    mark.setAttribute("aria-describedby", "detail");
    line.append(mark);
    position = entity.char_end;
  });
  line.append(characters.slice(position).join(""));
  return line;
}

export function legend(groups, counts, { colour, comparing }) {
  const swatch = (className) => make("span", { className: `swatch ${className}`, ariaHidden: "true" });
  const items = groups.map((group) => make("li", {}, swatch(`m${colour(group)}`), `${group} ${counts.get(group)}`));
  const unique = make("li", {}, swatch("unique"), "dashed: predicted by this model only");
  return comparing ? [...items, unique] : items;
}

// Colours are the classes m0, m1, ... of colours.css.
const numberOfColours = () => Number(getComputedStyle(document.documentElement).getPropertyValue("--colours"));

// Give each new group the next colour; among those that are shown, no two share one while colours are left.
export function assignColours(colours, groups, shown) {
  const count = numberOfColours();
  for (const group of groups) if (!colours.has(group)) colours.set(group, colours.size % count);
  const taken = new Set();
  const sharing = [];
  for (const group of shown) {
    if (taken.has(colours.get(group))) sharing.push(group);
    taken.add(colours.get(group));
  }
  const free = Array.from({ length: count }, (_, i) => i).filter((i) => !taken.has(i));
  free.slice(0, sharing.length).forEach((colour, i) => colours.set(sharing[i], colour));
}

// The content of the tooltip of an entity.
export function details(entity, { definition, unique }) {
  const rows = [
    ["label", entity.label],
    ["group", entity.group],
    ["confidence", `${(100 * entity.confidence).toFixed(1)} %`],
    ["words", range(entity.start, entity.end)],
    ["characters", range(entity.char_start, entity.char_end)],
  ];
  const list = make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  const content = [make("strong", {}, entity.text), list];
  if (definition) content.splice(1, 0, make("p", {}, definition));
  if (entity.known) {
    const known = entity.known.map((text) => make("li", {}, text));
    content.push(make("p", {}, known.length ? "In the knowledge base:" : "Not in the knowledge base."));
    if (known.length) content.push(make("ul", {}, ...known));
  }
  if (unique) content.push(make("p", { className: "unique" }, "Predicted by this model only."));
  return content;
}

function range(start, end) {
  return end - start === 1 ? `${start}` : `${start} to ${end - 1}`;
}

// Put a box below a mark, or above it if there is no room, within the window.
export function place(box, mark) {
  const target = mark.getClientRects()[0];
  const { clientWidth: width, clientHeight: height } = document.documentElement;
  const left = Math.max(8, Math.min(target.left, width - box.offsetWidth - 8));
  const below = target.bottom + 6;
  const top = below + box.offsetHeight <= height ? below : Math.max(8, target.top - box.offsetHeight - 6);
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}
