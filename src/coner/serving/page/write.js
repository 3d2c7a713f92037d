// What is copied: the entities that are shown, as text. Nothing here knows of the page.

// As the service answers, less the entities below the least confidence.
export function asJson(model, results) {
  return JSON.stringify({ model, results }, null, 2) + "\n";
}

// CoNLL as the shared task writes it: word _ _ tag, an empty line between sentences.
export function asConll(results) {
  const blocks = results.filter((result) => result.words.length).map((result, number) => {
    const tags = result.words.map(() => "O");
    for (const entity of result.entities) {
      tags.fill(`I-${entity.label}`, entity.start, entity.end);
      tags[entity.start] = `B-${entity.label}`;
    }
    const lines = result.words.map((word, at) => `${word} _ _ ${tags[at]}`);
    return [`# id ${number + 1}`, ...lines, ""].join("\n");
  });
  return blocks.join("\n");
}
