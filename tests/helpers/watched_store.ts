import type { Kv } from "../../lib/store/kv.ts";
import { FailingStore } from "./failing_store.ts";

/** A commit as the store saw it. */
export interface Seen {
  readonly checks: number;
  /** The orgs whose policy it checked, or the first parts of the keys that it wrote. */
  readonly of: readonly string[];
  /** The kinds of the rows that it wrote. */
  readonly kinds: readonly string[];
  ok: boolean | null;
}

/** A store that remembers its commits, each of which waits until `goOn` lets it. */
export class WatchedStore extends FailingStore {
  readonly seen: Seen[] = [];
  goOn: () => Promise<unknown> = () => Promise.resolve();

  override atomic: Kv["atomic"] = () => {
    const operation = this.inner.atomic();
    let checks = 0;
    const of = new Set<string>();
    const kinds: string[] = [];
    const check = operation.check.bind(operation);
    operation.check = (...all) => {
      checks += all.length;
      for (const { key } of all) if (key[0] === "policy_version") of.add(String(key[1]));
      return check(...all);
    };
    const set = operation.set.bind(operation);
    operation.set = (key, ...rest) => {
      kinds.push(String(key[0]));
      if (key[0] === "part") of.add(String(key[1]));
      return set(key, ...rest);
    };
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      const seen: Seen = { checks, of: [...of], kinds, ok: null };
      this.seen.push(seen);
      await this.goOn();
      const answer = await commit();
      seen.ok = answer.ok;
      return answer;
    };
    return operation;
  };
}
