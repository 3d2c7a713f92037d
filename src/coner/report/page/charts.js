// The plots: how training went, what a score costs, how far confidences can be trusted, which mentions are hard.
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
const numbers = (caption, heads, rows) => el("details", {}, el("summary", {}, "The numbers"), makeTable(caption, heads, rows));
const told = (history, key) => history.filter((entry) => entry[key] != null);

function trainingSection(node) {
  const runs = shown.filter((run) => run.history.length);
  if (!runs.length) return nothing(node, "None of these runs has epochs.");
  const last = Math.max(...runs.map((run) => run.history.length));
  const x = { label: "epoch", low: 1, high: Math.max(2, last), ticks: ticks(1, Math.max(2, last), 6).filter(Number.isInteger) };
  const lines = (keys, format) => keys.flatMap(([key, name, dash]) => runs.map((run) => ({
    run, line: true, dash, points: told(run.history, key).map((entry) => ({ x: entry.epoch, y: entry[key], title: `${name}, epoch ${entry.epoch}: ${format(entry[key])}` })),
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
  if (macro.length) plots.push(make("Macro F1 on the validation part", macro));
  if (weight.length) plots.push(make("Weight of the coarse loss", weight, { low: 0, high: Math.max(1, ...weight.flatMap((s) => s.points.map((p) => p.y))) }));
  const rows = runs.flatMap((run) => run.history.map((entry) => [run.run, [entry.epoch, String(entry.epoch)],
    ...["loss", "coarse_loss", "dev_macro_f1", "weight"].map((key) => [entry[key], three(entry[key])])]));
  charts(node, plots, [], numbers("Epochs", ["run", "epoch", "loss", "coarse loss", "dev macro F1", "weight"], rows));
}

const span = (seconds) => (seconds < 60 ? `${Number(seconds.toPrecision(2))} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Number((seconds / 3600).toPrecision(2))} h`);
const WORDS = 12; // runs with their names beside their points: more would lie over each other
// Where people look for a time, in seconds.
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
  const plots = [...make("Macro F1 and time of training", "seconds", "time of training", span, (low, high) => TIMES.filter((at) => at >= low && at <= high)), ...make("Macro F1 and size of the model", "bytes", "size of the model", amount, powers)];
  if (!plots.length) return nothing(node, "These records tell neither time nor size.");
  charts(node, plots);
}

function confidenceSection(node) {
  const runs = shown.filter((run) => run.calibration?.count);
  if (!runs.length) return nothing(node, "Confidences are read from the tagged sentences of a run's folder; none of these runs has any.");
  const axis = { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: (v) => v.toFixed(1) };
  const series = runs.map((run) => ({ run, line: true, points: run.calibration.bins.map((bin) => ({
    x: bin.confidence, y: bin.accuracy, size: 2 + 5 * Math.sqrt(bin.count / run.calibration.count),
    title: `confidence ${three(bin.confidence)}, right ${three(bin.accuracy)}, ${whole(bin.count)} entities` })) }));
  const rows = runs.map(({ run, calibration: c }) => [run, [c.count, whole(c.count)], [c.error, three(c.error)], [c.brier, three(c.brier)]]);
  const note = el("p", { class: "note" }, "Of the entities predicted with a confidence, how many are right: on the dotted line as many as the confidence says, below it fewer. "
    + "Ten bins of equal width; a larger mark holds more entities. The expected calibration error is the mean distance from that line, the Brier score the mean squared error; of both, less is better.");
  charts(node, [(width) => plot("Reliability of confidences", { x: { ...axis, label: "confidence" }, y: { ...axis, label: "share right" }, series, diagonal: true, width })],
    [makeTable("Calibration", ["run", "entities", "calibration error", "Brier score"], rows)], note);
}

const LENGTHS = ["1", "2", "3", "4", "5 or more"];

function mentionsSection(node) {
  const [plots, tables, more] = [[], [], []];
  const known = shown.filter((run) => run.seen && run.unseen);
  if (known.length) {
    const { seen, unseen } = known[0];
    const rows = known.map((run) => [run.run, [run.seen.recall, three(run.seen.recall)], [run.unseen.recall, three(run.unseen.recall)],
      [run.seen.recall - run.unseen.recall, signed(run.seen.recall - run.unseen.recall)]]);
    tables.push(el("figure", {}, el("figcaption", {}, "Recall on mentions that training has seen, and on others"),
      makeTable("Recall on seen and unseen mentions", ["run", `seen (${whole(seen.support)})`, `unseen (${whole(unseen.support)})`, "seen less unseen"], rows)));
  }
  const measured = shown.filter((run) => run.lengths);
  if (measured.length) {
    const series = measured.map((run) => ({ run, line: true, points: run.lengths.map((result, i) => ({ x: i + 1, y: result.f1,
      title: `${LENGTHS[i]} words: F1 ${three(result.f1)}, recall ${three(result.recall)}, ${whole(result.support)} mentions` })) }));
    const x = { label: "words of a mention", low: 0.8, high: 5.2, ticks: [1, 2, 3, 4, 5], format: (v) => (v === 5 ? "5+" : String(v)) };
    plots.push((width) => plot("F1 by length of mentions", { x, y: around(series.flatMap((s) => s.points.map((p) => p.y))), series, width }));
    const rows = measured.map((run) => [run.run, ...run.lengths.flatMap((result) => [[result.f1, three(result.f1)], [result.recall, three(result.recall)]])]);
    const heads = ["run", ...LENGTHS.flatMap((length, i) => [`${length}: F1 (${whole(measured[0].lengths[i].support)})`, `${length}: recall`])];
    more.push(numbers("Scores by length in words", heads, rows));
  }
  if (!known.length && !measured.length) return nothing(node, "These records do not tell seen mentions from unseen ones, and have no sentences.");
  if (plots.length) charts(node, plots, tables, ...more);
  else body(node).replaceChildren(...tables);
}

function noisySection(node) {
  const runs = shown.filter((run) => run.noisy);
  if (!runs.length) return nothing(node, "None of these runs was scored on noisy text.");
  const rows = runs.map(({ run, noisy: [clean, noisy] }) => [run, [clean, three(clean)], [noisy, three(noisy)], [noisy - clean, signed(noisy - clean)]]);
  body(node).replaceChildren(makeTable("Macro F1 on clean and noisy text", ["run", "clean", "noisy", "noisy less clean"], rows));
}
