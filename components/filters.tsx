import type { ComponentChildren } from "preact";
import { pagePath } from "../lib/base/page_path.ts";
import { visibleLine } from "../lib/base/text.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";

/**
 * What narrows a list: a field to search by, and a pill for each filter. The address carries all of
 * it, so that every view can be kept, sent and gone back to; nothing of it needs script.
 */

/** The lists that can be narrowed. */
type ListPath =
  | "/activity"
  | "/approvals"
  | "/calls"
  | "/mandates"
  | "/rules"
  | "/tools"
  | "/users"
  /** Of a list on the page of one thing: its address with this query. */
  | ((query: ListQuery) => string);

/** What an address of a list says, page and cursor aside; null for what it does not. */
export type ListQuery = Readonly<Record<string, string | null>>;

/** One value of a filter. */
export interface FilterChoice {
  readonly value: string;
  readonly label: string;
  /** How many rows have it. */
  readonly count?: number;
}

/** One filter of a list. */
export interface Filter {
  /** As the address has it. */
  readonly name: string;
  readonly label: string;
  /** The value in words; the value itself when absent. */
  readonly words?: string | undefined;
  /** The values to choose from; with one alone the pill itself sets it. */
  readonly choices?: readonly FilterChoice[];
  /** A field of this name, for values that are typed. */
  readonly field?: ComponentChildren;
  /** Why the value was not understood: then it stays open. A field says so itself. */
  readonly problem?: string | undefined;
}

export interface FiltersProps {
  readonly path: ListPath;
  readonly query: ListQuery;
  /** The part of the page that is gone to. */
  readonly part?: string;
  readonly filters: readonly Filter[];
  /** The field that searches by words. */
  readonly search?: { readonly name: string; readonly label: string };
  /** What stays when all is cleared, such as the tab. */
  readonly keep?: readonly string[];
}

/** The search field and pills over a list. */
export function Filters({ path, query, part, filters, search, keep = [] }: FiltersProps) {
  const set = filters.filter(({ name }) => (query[name] ?? null) !== null);
  const hrefOf = (changes: ListQuery) => addressOf(path, { ...query, ...changes }, part);
  const sought = search === undefined ? null : query[search.name] ?? null;
  const kept = Object.fromEntries(keep.map((name) => [name, query[name] ?? null]));
  return (
    <search class="filters" aria-label="Narrow the list">
      {search !== undefined && (
        <form class="filters-search" method="get" action={addressOf(path, {}, part)}>
          <Rest query={query} but={search.name} />
          <label>
            <Icon name="search" />
            <span class="visually-hidden">{search.label}</span>
            <input
              class="input"
              type="search"
              name={search.name}
              value={sought ?? ""}
              placeholder={search.label}
              maxLength={256}
              data-search
            />
            <kbd aria-hidden="true">/</kbd>
          </label>
        </form>
      )}
      <div class="pills">
        {filters.map((filter) => (
          <Pill
            key={filter.name}
            filter={filter}
            value={query[filter.name] ?? null}
            path={path}
            query={query}
            part={part}
            hrefOf={hrefOf}
          />
        ))}
        {(set.length > 0 || sought !== null) && (
          <a class="pill pill-clear" href={addressOf(path, kept, part)}>Clear</a>
        )}
      </div>
    </search>
  );
}

interface PillProps {
  readonly filter: Filter;
  readonly value: string | null;
  readonly path: ListPath;
  readonly query: ListQuery;
  readonly part: string | undefined;
  readonly hrefOf: (changes: ListQuery) => string;
}

function Pill({ filter, value, path, query, part, hrefOf }: PillProps) {
  const { name, label, words, choices = [], field, problem } = filter;
  const [only] = choices;
  const isSwitch = choices.length === 1 && field === undefined && only?.label === label;
  if (value !== null && problem === undefined) {
    return (
      <a class="pill pill-on" href={hrefOf({ [name]: null })}>
        <span class="pill-words">
          {isSwitch ? label : (
            <>
              {label}: <bdi>{visibleLine(words ?? value)}</bdi>
            </>
          )}
        </span>
        <Icon name="cross" size="small" />
        <span class="visually-hidden">remove this filter</span>
      </a>
    );
  }
  if (isSwitch) return <a class="pill" href={hrefOf({ [name]: only?.value ?? null })}>{label}</a>;
  return (
    <details class="pill-menu" name="filters" open={problem !== undefined}>
      <summary class="pill">
        {label}
        <Icon name="chevron_down" size="small" />
      </summary>
      <div class="menu">
        {problem !== undefined && field === undefined && <p class="field-error">{problem}</p>}
        {choices.length > 0 && (
          <ul>
            {choices.map((choice) => (
              <li key={choice.value}>
                <a href={hrefOf({ [name]: choice.value })}>
                  <bdi class="menu-words">{visibleLine(choice.label)}</bdi>
                  {choice.count !== undefined && <span class="count">{choice.count}</span>}
                </a>
              </li>
            ))}
          </ul>
        )}
        {field !== undefined && (
          <form method="get" action={addressOf(path, {}, part)}>
            <Rest query={query} but={name} />
            {field}
            <Button size="small">Apply</Button>
          </form>
        )}
      </div>
    </details>
  );
}

/** What the address says besides, for a form that changes one thing of it. */
function Rest({ query, but }: { readonly query: ListQuery; readonly but: string }) {
  return (
    <>
      {Object.entries(query).map(([name, value]) =>
        value === null || value === "" || name === but
          ? null
          : <input key={name} type="hidden" name={name} value={value} />
      )}
    </>
  );
}

function addressOf(path: ListPath, query: ListQuery, part: string | undefined): string {
  const address = typeof path === "function" ? path(query) : pagePath(path, query);
  return `${address}${part === undefined ? "" : `#${part}`}`;
}
