// Events of the controls, and the sections of the page.
function filterRuns() {
  const wanted = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (run) => wanted.every((word) => `${run.run} ${run.name} ${run.kind}`.toLowerCase().includes(word));
  shown = page.runs.filter(matches);
  const kept = new Set(shown.map((run) => run.run));
  const keptNames = new Set(shown.map((run) => run.name));
  for (const row of document.querySelectorAll("#scores-table tr[data-run], #asked-table tr[data-run]")) row.hidden = !kept.has(row.dataset.run);
  for (const row of $("seeds-table")?.tBodies[0].rows ?? []) row.hidden = !keptNames.has(row.dataset.name);
  $("filter-count").textContent = wanted.length ? `${shown.length} of ${page.runs.length} runs, in all sections` : "";
  redraw();
}

const on = (id, event, action) => $(id)?.addEventListener(event, action);

document.querySelectorAll("table.sortable").forEach(sortable);
on("filter", "input", filterRuns);
on("class-first", "change", classTable);
on("class-second", "change", classTable);
on("class-order", "change", () => orderClasses());
on("matrix-run", "change", matrixSection);
document.querySelectorAll("input[name=level]").forEach((radio) => radio.addEventListener("change", matrixSection));
for (const id of ["read-run", "read-gold", "read-predicted", "read-other", "read-wrong", "read-differ"]) on(id, "change", search);
on("read-text", "input", search);
on("read-previous", "click", () => turn(-1));
on("read-next", "click", () => turn(1));
on("read-back", "click", () => {
  openedFrom?.isConnected ? openedFrom.focus() : $("matrix-run").focus();
  (openedFrom ?? $("matrix-run")).scrollIntoView({ block: "center" });
});

section("classes", classSection);
section("confusion", matrixSection);
section("errors", browserSection);
section("training", trainingSection);
section("cost", costSection);
section("confidence", confidenceSection);
section("mentions", mentionsSection);
section("noisy", noisySection);

// Plots are as wide as their container: draw them again when the width of the window changes.
let width = document.documentElement.clientWidth;
let timer = 0;
window.addEventListener("resize", () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    sections.filter((entry) => entry.drawn && entry.node.querySelector(".charts")).forEach((entry) => entry.render(entry.node));
  }, 150);
});
