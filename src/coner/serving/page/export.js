// Results as text, to copy.

// As in a response of the service, without the entities below the minimum confidence.
export function asJson(model, results) {
  return JSON.stringify({ model, results }, null, 2) + "\n";
}

// CoNLL with columns "word _ _ tag" and an empty line between sentences.
export function asConll(results) {
  const blocks = results.filter((result) => result.words.length).map((result, number) => {
    const tags = result.words.map(() => "O");
    for (const entity of result.entities) {
      tags.fill(`I-${entity.label}`, entity.start, entity.end);
      tags[entity.start] = `B-${entity.label}`;
    }
    const lines = result.words.map((word, i) => `${word} _ _ ${tags[i]}`);
    return [`# id ${number + 1}`, ...lines, ""].join("\n");
  });
  return blocks.join("\n");
}
