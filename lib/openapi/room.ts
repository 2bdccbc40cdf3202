import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** Thrown where there is no room for more. */
export class NoRoom extends Error {}

/** How much more than may be kept is looked at, for what is counted is no more than about its length. */
const SLACK = 2;

/** Objects with more members than there is ever room for: their names are listed once. */
const VAST = new WeakSet<JsonObject>();

/**
 * How much of a schema is looked at: what could not be kept is given up as soon as that is seen,
 * however long it goes on.
 */
export class Room {
  #left: number;

  /** @param bytes as many as may be kept */
  constructor(readonly bytes: number) {
    this.#left = SLACK * bytes;
  }

  /** @throws {NoRoom} */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new NoRoom();
  }

  /** The names of an object's members, in its order; each takes as much as a sign. @throws {NoRoom} */
  names(object: JsonObject): string[] {
    if (VAST.has(object)) throw new NoRoom();
    const names = Object.keys(object);
    if (names.length > SLACK * this.bytes) VAST.add(object);
    this.take(names.length);
    return names;
  }

  /** Takes what a value has as JSON at least, as far as it is no deeper. @throws {NoRoom} */
  takeValue(value: JsonValue, depth: number): void {
    this.take(typeof value === "string" ? value.length : 1);
    if (depth < 0) return;
    if (Array.isArray(value)) {
      for (const one of value) this.takeValue(one, depth - 1);
    } else if (isJsonObject(value)) {
      for (const name of this.names(value)) {
        this.take(name.length);
        this.takeValue(value[name]!, depth - 1);
      }
    }
  }
}
