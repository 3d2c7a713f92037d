// Sections with plots: learning curves, score and cost, calibration, kinds of mentions, noise.
const body = (node) => node.querySelector(".body");

function charts(node, plots, tables = [], ...more) {
  const place = el("div", { class: "charts" });
  const cells = plots.length + tables.length;
  body(node).replaceChildren(legend(), place, ...more);
  const columns = Math.max(1, Math.floor((node.clientWidth + 20) / (384 + 20)));
  const used = Math.min(columns, cells);
  const width = Math.min(620, (node.clientWidth - 20 * (used - 1)) / used);
  place.append(...plots.map((make) => make(Math.floor(width))), ...tables);
}

const nothing = (node, text) => body(node).replaceChildren(el("p", { class: "note" }, text));
const numbers = (caption, heads, rows) => el("details", {}, el("summary", {}, "Numbers"), makeTable(caption, heads, rows));
const known = (history, key) => history.filter((entry) => entry[key] != null);

function trainingSection(node) {
  const runs = shown.filter((run) => run.history.length);
  if (!runs.length) return nothing(node, "None of these runs has epochs.");
  const last = Math.max(...runs.map((run) => run.history.length));
  const x = { label: "epoch", low: 1, high: Math.max(2, last), ticks: ticks(1, Math.max(2, last), 6).filter(Number.isInteger) };
  const lines = (keys, format) => keys.flatMap(([key, name, dash]) => runs.map((run) => ({
    run, line: true, dash, points: known(run.history, key).map((entry) => ({ x: entry.epoch, y: entry[key], title: `${name}, epoch ${entry.epoch}: ${format(entry[key])}` })),
  }))).filter((series) => series.points.length);
  const make = (title, series, axis) => (width) => plot(title, { x, y: axis || around(series.flatMap((s) => s.points.map((p) => p.y))), series, width });
  const losses = lines([["loss", "fine loss"], ["coarse_loss", "coarse loss", "2 4"]], three);
  const coarse = lines([["coarse_loss", ""]], three).length ? "; dotted: coarse" : "";
  const positive = losses.every((series) => series.points.every((point) => point.y > 0));
  const lossAxis = positive && losses.length ? aroundLog(losses.flatMap((s) => s.points.map((p) => p.y))) : null;
  if (lossAxis) lossAxis.ticks = powers(lossAxis.low, lossAxis.high);
  const macro = lines([["dev_macro_f1", "macro F1"]], three);
  const weight = lines([["weight", "weight"]], three);
  const plots = [];
  if (losses.length) plots.push(make(`Training loss${coarse}`, losses, lossAxis));
  if (macro.length) plots.push(make("Macro F1 on dev", macro));
  if (weight.length) plots.push(make("Weight of the coarse loss", weight, { low: 0, high: Math.max(1, ...weight.flatMap((s) => s.points.map((p) => p.y))) }));
  const rows = runs.flatMap((run) => run.history.map((entry) => [run.run, [entry.epoch, String(entry.epoch)],
    ...["loss", "coarse_loss", "dev_macro_f1", "weight"].map((key) => [entry[key], three(entry[key])])]));
  charts(node, plots, [], numbers("Epochs", ["run", "epoch", "loss", "coarse loss", "dev macro F1", "weight"], rows));
}

const span = (seconds) => (seconds < 60 ? `${Number(seconds.toPrecision(2))} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Number((seconds / 3600).toPrecision(2))} h`);
const WORDS = 12; // runs with their names beside their points: more would overlap
// Round times in seconds, for the axis.
const TIMES = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000, 86400, 259200, 604800];
const amount = (bytes) => `${Number((bytes / 1e6).toPrecision(2)).toLocaleString("en-US")} MB`;

function costSection(node) {
  const make = (title, key, label, format, places) => {
    const runs = shown.filter((run) => run[key] > 0);
    if (!runs.length) return [];
    const series = runs.map((run) => ({ run, points: [{ x: run[key], y: run.macro, size: 5, word: runs.length <= WORDS ? run.run : null, title: `macro F1 ${three(run.macro)}, ${format(run[key])}` }] }));
    return [(width) => {
      const axis = aroundLog(runs.map((run) => run[key]));
      axis.ticks = places(axis.low, axis.high);
      while (axis.ticks.length > width / 65) axis.ticks = axis.ticks.filter((_, i) => i % 2 === 0);
      return plot(title, { x: { label, format, ...axis }, y: around(runs.map((run) => run.macro)), series, width });
    }];
  };
  const plots = [...make("Macro F1 and training time", "seconds", "training time", span, (low, high) => TIMES.filter((at) => at >= low && at <= high)), ...make("Macro F1 and model size", "bytes", "model size", amount, powers)];
  if (!plots.length) return nothing(node, "These records contain neither training time nor model size.");
  charts(node, plots);
}

function confidenceSection(node) {
  const runs = shown.filter((run) => run.calibration?.count);
  if (!runs.length) return nothing(node, "Confidences are read from the tagged sentences in a run folder; none of these runs has any.");
  const axis = { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: (v) => v.toFixed(1) };
  const series = runs.map((run) => ({ run, line: true, points: run.calibration.bins.map((bin) => ({
    x: bin.confidence, y: bin.accuracy, size: 2 + 5 * Math.sqrt(bin.count / run.calibration.count),
    title: `confidence ${three(bin.confidence)}, correct ${three(bin.accuracy)}, ${whole(bin.count)} entities` })) }));
  const rows = runs.map(({ run, calibration: c }) => [run, [c.count, whole(c.count)], [c.error, three(c.error)], [c.brier, three(c.brier)]]);
  const note = el("p", { class: "note" }, "The share of predicted entities that are correct, by their confidence. On the dotted line both are equal; below it the model is overconfident. "
    + "Ten bins of equal width; a larger mark stands for more entities. The expected calibration error is the mean distance from that line, the Brier score the mean squared error; lower is better.");
  charts(node, [(width) => plot("Reliability", { x: { ...axis, label: "confidence" }, y: { ...axis, label: "share correct" }, series, diagonal: true, width })],
    [makeTable("Calibration", ["run", "entities", "calibration error", "Brier score"], rows)], note);
}

const LENGTHS = ["1", "2", "3", "4", "5 or more"];

function mentionsSection(node) {
  const [plots, tables, more] = [[], [], []];
  const recalls = shown.filter((run) => run.seen && run.unseen);
  if (recalls.length) {
    const { seen, unseen } = recalls[0];
    const rows = recalls.map((run) => [run.run, [run.seen.recall, three(run.seen.recall)], [run.unseen.recall, three(run.unseen.recall)],
      [run.seen.recall - run.unseen.recall, signed(run.seen.recall - run.unseen.recall)]]);
    tables.push(el("figure", {}, el("figcaption", {}, "Recall on mentions seen in training and not seen"),
      makeTable("Recall on seen and unseen mentions", ["run", `seen (${whole(seen.support)})`, `unseen (${whole(unseen.support)})`, "seen − unseen"], rows)));
  }
  const measured = shown.filter((run) => run.lengths);
  if (measured.length) {
    const series = measured.map((run) => ({ run, line: true, points: run.lengths.map((result, i) => ({ x: i + 1, y: result.f1,
      title: `${LENGTHS[i]} words: F1 ${three(result.f1)}, recall ${three(result.recall)}, ${whole(result.support)} mentions` })) }));
    const x = { label: "words in the mention", low: 0.8, high: 5.2, ticks: [1, 2, 3, 4, 5], format: (v) => (v === 5 ? "5+" : String(v)) };
    plots.push((width) => plot("F1 by length of the mention", { x, y: around(series.flatMap((s) => s.points.map((p) => p.y))), series, width }));
    const rows = measured.map((run) => [run.run, ...run.lengths.flatMap((result) => [[result.f1, three(result.f1)], [result.recall, three(result.recall)]])]);
    const heads = ["run", ...LENGTHS.flatMap((length, i) => [`${length}: F1 (${whole(measured[0].lengths[i].support)})`, `${length}: recall`])];
    more.push(numbers("Scores by length in words", heads, rows));
  }
  if (!recalls.length && !measured.length) return nothing(node, "These records contain no recall on seen and unseen mentions, and no sentences.");
  if (plots.length) charts(node, plots, tables, ...more);
  else body(node).replaceChildren(...tables);
}

function noisySection(node) {
  const runs = shown.filter((run) => run.noisy);
  if (!runs.length) return nothing(node, "None of these runs was scored on noisy text.");
  const rows = runs.map(({ run, noisy: [clean, noisy] }) => [run, [clean, three(clean)], [noisy, three(noisy)], [noisy - clean, signed(noisy - clean)]]);
  body(node).replaceChildren(makeTable("Macro F1 on clean and noisy text", ["run", "clean", "noisy", "noisy − clean"], rows));
}
