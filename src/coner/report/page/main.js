// What happens when.
function filterRuns() {
  const wanted = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = (run) => wanted.every((word) => `${run.run} ${run.name} ${run.kind}`.toLowerCase().includes(word));
  shown = page.runs.filter(fitting);
  const kept = new Set(shown.map((run) => run.run));
  const keptNames = new Set(shown.map((run) => run.name));
  for (const row of document.querySelectorAll("#scores-table tr[data-run], #asked-table tr[data-run]")) row.hidden = !kept.has(row.dataset.run);
  for (const row of $("seeds-table")?.tBodies[0].rows ?? []) row.hidden = !keptNames.has(row.dataset.name);
  $("filter-count").textContent = wanted.length ? `${shown.length} of ${page.runs.length} runs, here and below` : "";
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
  cameFrom?.isConnected ? cameFrom.focus() : $("matrix-run").focus();
  (cameFrom ?? $("matrix-run")).scrollIntoView({ block: "center" });
});

section("classes", classSection);
section("confusion", matrixSection);
section("errors", browserSection);
section("training", trainingSection);
section("cost", costSection);
section("confidence", confidenceSection);
section("mentions", mentionsSection);
section("noisy", noisySection);

// Plots are as wide as their place: drawn again when the window has a new width.
let width = document.documentElement.clientWidth;
let waiting = 0;
window.addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    parts.filter((part) => part.drawn && part.node.querySelector(".charts")).forEach((part) => part.render(part.node));
  }, 150);
});
