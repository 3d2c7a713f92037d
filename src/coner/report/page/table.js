// Tables that are sorted by a click on a column's head; cells without a value are last in either order.
function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!isSortable(table, column)) return;
    const press = () => sort(table, column, head.getAttribute("aria-sort") === first(table, column) ? -1 : 1);
    head.replaceChildren(el("button", { type: "button", onclick: press }, ...head.childNodes));
  });
}

const value = (row, column) => row.cells[column].dataset.value;
const isNumber = (table, column) => [...table.tBodies[0].rows].some((row) => value(row, column) !== undefined);
// A column of pictures has neither text nor values to sort by.
const isSortable = (table, column) => [...table.tBodies[0].rows].some((row) => row.cells[column].textContent);
// Numbers start with the largest, words with the first.
const first = (table, column) => (isNumber(table, column) ? "descending" : "ascending");

function sort(table, column, turn) {
  const numbers = isNumber(table, column);
  const sign = (numbers ? -1 : 1) * turn;
  const rows = [...table.tBodies[0].rows];
  const compare = (one, other) => {
    if (!numbers) return sign * one.cells[column].textContent.localeCompare(other.cells[column].textContent, "en");
    const [a, b] = [value(one, column), value(other, column)];
    if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
    return sign * (Number(a) - Number(b));
  };
  table.tBodies[0].append(...rows.sort(compare));
  [...table.tHead.rows[0].cells].forEach((head) => head.removeAttribute("aria-sort"));
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
}

// heads: texts; rows: arrays of cells, the first of which heads the row; a cell is a text, a node, or [value, text].
function makeTable(caption, heads, rows, shape = "scroll tall") {
  const cell = (entry, index) => {
    const [number, content] = Array.isArray(entry) ? entry : [undefined, entry];
    const attributes = { "data-value": number === null ? "" : number, class: Array.isArray(entry) ? "number" : null };
    return index ? el("td", attributes, content) : el("th", { scope: "row", ...attributes }, content);
  };
  const numeric = (index) => rows.some((row) => Array.isArray(row[index]));
  const head = heads.map((text, index) => el("th", { scope: "col", class: numeric(index) ? "number" : null }, text));
  const body = rows.map((row) => el("tr", {}, ...row.map(cell)));
  const table = el("table", {}, el("caption", { class: "hidden" }, caption), el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
  sortable(table);
  return el("div", { class: shape, tabindex: 0, role: "region", "aria-label": caption }, table);
}
