import assert from "node:assert/strict";

Deno.test("each decision has a number of its own, says it in its title, and stands in the list", async () => {
  const folder = new URL("../../docs/decisions/", import.meta.url);
  const names = (await Array.fromAsync(Deno.readDir(folder)))
    .map(({ name }) => name).filter((name) => name !== "README.md").sort();
  const numbers = names.map((name) => name.slice(0, 4));
  assert.deepEqual(numbers, names.map((_, at) => String(at + 1).padStart(4, "0")));
  for (const name of names) {
    const text = await Deno.readTextFile(new URL(name, folder));
    assert.ok(text.startsWith(`# ${name.slice(0, 4)}: `), name);
  }
  const list = await Deno.readTextFile(new URL("README.md", folder));
  const listed = [...list.matchAll(/^\| \[(\d{4})\]\(([^)]+)\)/gm)].map(([, number, to]) => {
    assert.ok(to?.startsWith(`${number}-`), to);
    return to;
  });
  assert.deepEqual(listed, names);
});
