/// <reference lib="dom" />
import type { Tab } from "./browser.ts";

/**
 * What of a page does not look as every page is to look: a row of a list too high for a desk, a
 * target too small for a finger, a second filled or red button, type that shouts, a frame within a
 * frame, a time or a number that is broken in two, a header that does not span the page. One line a
 * fault; leaves the page's sheets closed.
 */
export async function lookFaults(tab: Tab): Promise<string[]> {
  return await tab.page.evaluate(() => {
    const faults: string[] = [];
    const name = (element: Element) =>
      `${element.tagName.toLowerCase()}.${[...element.classList].join(".")} ` +
      `"${(element.textContent ?? "").trim().slice(0, 40)}"`;
    const isSeen = (element: Element) => {
      const { width, height } = element.getBoundingClientRect();
      return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true });
    };
    const seen = (selector: string) => [...document.querySelectorAll(selector)].filter(isSeen);
    const isDesk = innerWidth >= 1024;

    const rows = ".table-rows tbody tr, .approval-row, .entry-row";
    for (const row of isDesk ? seen(rows) : []) {
      const { height } = row.getBoundingClientRect();
      if (height > 40.5) faults.push(`a row of ${height} px: ${name(row)}`);
    }

    const targets = "a[href]:not(.skip), button:not(.link-button), summary, select, textarea, " +
      "input:not([type=hidden])";
    for (const target of isDesk ? [] : seen(targets)) {
      // A link within a sentence is as high as its line.
      if (getComputedStyle(target).display === "inline" && !target.matches(".row-link")) continue;
      const area = target.matches(".row-link")
        ? target.closest("tr, li")
        : target.matches("[type=checkbox], [type=radio]")
        ? target.closest("label")
        : target;
      const { height } = (area ?? target).getBoundingClientRect();
      if (height < 44) faults.push(`a target of ${height} px: ${name(target)}`);
    }

    const red = document.createElement("span");
    red.className = "confirmation";
    red.append(Object.assign(document.createElement("b"), { className: "button-danger" }));
    document.body.append(red);
    const filled = getComputedStyle(red.firstElementChild ?? red).backgroundColor;
    red.remove();
    const countRed = () =>
      seen("body *").filter((one) => getComputedStyle(one).backgroundColor === filled).length;
    if (countRed() > 1) faults.push(`${countRed()} elements are filled red`);
    for (const sheet of document.querySelectorAll<HTMLElement>("[popover]")) {
      sheet.showPopover();
      if (countRed() > 1) faults.push(`${countRed()} filled red with ${name(sheet)}`);
      sheet.hidePopover();
    }

    // An open sheet lies over the page, and leads while it does.
    const leading = document.querySelector("dialog[open]") ?? document.body;
    const primary = [...leading.querySelectorAll(".button-primary")].filter(isSeen);
    if (primary.length > 1) {
      faults.push(`${primary.length} filled: ${primary.map(name).join(", ")}`);
    }

    for (const header of seen(".page-header")) {
      const { right } = header.getBoundingClientRect();
      if (right !== document.documentElement.clientWidth) faults.push(`a header ends at ${right}`);
    }

    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const ADDRESS = /^[\w.-]{1,24}@[\w-]{1,16}\.[\w.]{2,6}$/g;
    // What is longer than a line of its own has to break somewhere.
    const fitsOnALine = (element: HTMLElement) => {
      let block = element.parentElement ?? element;
      while (getComputedStyle(block).display.startsWith("inline")) {
        block = block.parentElement ?? document.body;
      }
      const style = element.style.whiteSpace;
      element.style.whiteSpace = "nowrap";
      const { width } = element.getBoundingClientRect();
      const fits = element.scrollWidth <= Math.ceil(width) && width <= block.clientWidth;
      element.style.whiteSpace = style;
      return fits;
    };
    const REFERENCE = /\bREF-[0-9A-Z]{8}-[0-9A-Z]{4}\b/g;
    const whole = [
      /\d{1,2} [A-Z][a-z]{2}(?: \d{4})?, \d\d:\d\d(?: UTC)?/g,
      /\b\d+ (?:s|min|h|d|days)(?: \d+ (?:s|min|h))?(?: ago)?(?![\w-])/g,
      REFERENCE,
      /(?<![\w/])[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}\b/g,
      /…[0-9a-z]{6}\b/g,
      /(?<![\w.,:+-])\d[\d.,]*(?![\w-])/g,
    ];
    while (texts.nextNode()) {
      const text = texts.currentNode as Text;
      const element = text.parentElement;
      if (element === null || text.data.trim() === "" || !isSeen(element)) continue;
      const { fontStyle, fontWeight } = getComputedStyle(element);
      if (fontStyle !== "normal") faults.push(`${fontStyle}: ${name(element)}`);
      const weights = element.closest("h1, .brand-name") === null
        ? ["400", "500"]
        : ["400", "500", "600"];
      if (!weights.includes(fontWeight)) faults.push(`weight ${fontWeight}: ${name(element)}`);
      if (element.closest("pre, textarea, .json, svg, blockquote") !== null) continue;
      const isOthers = element.closest(".untrusted") !== null;
      for (const pattern of isOthers ? [ADDRESS, REFERENCE] : whole) {
        for (const match of text.data.matchAll(pattern)) {
          const range = document.createRange();
          range.setStart(text, match.index);
          range.setEnd(text, match.index + match[0].length);
          const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
          if (tops.size <= 1 || (pattern === ADDRESS && !fitsOnALine(element))) continue;
          faults.push(`"${match[0]}" is broken in ${name(element)}`);
        }
      }
    }

    const isFrame = (element: Element) => {
      if (element.matches("button, .button, input, select, textarea, .choice, svg *")) return false;
      const style = getComputedStyle(element);
      return ["Top", "Right", "Bottom", "Left"].every((side) =>
        style.getPropertyValue(`border-${side.toLowerCase()}-style`) === "solid" &&
        parseFloat(style.getPropertyValue(`border-${side.toLowerCase()}-width`)) >= 1
      ) && element.getBoundingClientRect().height > 40;
    };
    const frames = seen("main *").filter(isFrame);
    for (const frame of frames) {
      const outer = frames.find((one) => one !== frame && one.contains(frame));
      if (outer !== undefined) faults.push(`a frame in a frame: ${name(frame)} in ${name(outer)}`);
    }
    return faults;
  });
}
