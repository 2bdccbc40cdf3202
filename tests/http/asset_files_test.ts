import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { assetFile, readBuild } from "../../routes/http/assets.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Folders of files, each given as name and content. */
async function folders(...contents: Record<string, string>[]) {
  const root = await Deno.makeTempDir();
  const urls: URL[] = [];
  for (const [i, files] of contents.entries()) {
    const folder = `${root}/${i}/`;
    await Deno.mkdir(folder);
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(folder + name, text);
    urls.push(pathToFileURL(folder));
  }
  return { urls, root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

Deno.test("assetFile() compresses text where that saves bytes, and pictures never", () => {
  const style = assetFile("a.css", bytes("a { color: red }\n".repeat(50)));
  assert.equal(gunzipSync(style.gzip ?? assert.fail("not compressed")).length, style.bytes.length);
  assert.equal(assetFile("b.css", bytes("a{}")).gzip, null);
  assert.equal(assetFile("c.png", bytes("0".repeat(1000))).gzip, null);
});

Deno.test("assetFile() refuses an ending without a media type, by name", () => {
  assert.throws(() => assetFile("notes.docx", bytes("x")), /notes\.docx .* ending \.docx/);
  assert.throws(() => assetFile("LICENSE", bytes("x")), /LICENSE/);
});

Deno.test("readBuild() has one hash for the same names and bytes, another for any change", async () => {
  await using one = await folders({ "a.css": "a" }, { "b.js": "b" });
  await using same = await folders({ "b.js": "b", "a.css": "a" });
  await using other = await folders({ "a.css": "a" }, { "b.js": "c" });
  await using renamed = await folders({ "a.css": "a" }, { "c.js": "b" });
  const { hash, files } = readBuild(one.urls);
  assert.match(hash, /^[0-9a-f]{16}$/);
  assert.deepEqual([...files.keys()].sort(), ["a.css", "b.js"]);
  assert.equal(readBuild(same.urls).hash, hash);
  assert.notEqual(readBuild(other.urls).hash, hash);
  assert.notEqual(readBuild(renamed.urls).hash, hash);
});

Deno.test("readBuild() counts an absent folder as empty", async () => {
  await using place = await folders({ "a.css": "a" });
  const absent = new URL("absent/", place.urls[0]);
  assert.deepEqual([...readBuild([...place.urls, absent]).files.keys()], ["a.css"]);
});

Deno.test("readBuild() refuses two files of one name", async () => {
  await using place = await folders({ "a.css": "a" }, { "a.css": "b" });
  assert.throws(() => readBuild(place.urls), /Two files are named a\.css/);
});
