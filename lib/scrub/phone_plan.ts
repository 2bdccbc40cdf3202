/**
 * Country calling codes (ITU-T E.164) with the least and the greatest number of digits, code
 * included, of a number in the countries that agents meet most.
 */
const KNOWN_PLANS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["1", [11, 11]],
  ["7", [11, 11]],
  ["27", [11, 11]],
  ["30", [12, 12]],
  ["31", [11, 11]],
  ["32", [10, 11]],
  ["33", [11, 11]],
  ["34", [11, 11]],
  ["36", [10, 11]],
  ["39", [9, 13]],
  ["41", [11, 11]],
  ["43", [9, 15]],
  ["44", [11, 12]],
  ["45", [10, 10]],
  ["46", [9, 12]],
  ["47", [10, 10]],
  ["48", [11, 11]],
  ["49", [9, 15]],
  ["61", [11, 11]],
  ["86", [11, 13]],
  ["91", [12, 12]],
  ["351", [12, 12]],
]);

const OTHER_CODES: ReadonlySet<string> = new Set(
  ("20 40 51 52 53 54 55 56 57 58 60 62 63 64 65 66 81 82 84 90 92 93 94 95 98 211 212 213 216 218 " +
    "220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239 240 241 242 " +
    "243 244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 " +
    "268 269 290 291 297 298 299 350 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 " +
    "377 378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 " +
    "590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 " +
    "685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 880 886 960 961 962 963 964 " +
    "965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996 998").split(" "),
);

/** E.164 allows 15 digits; fewer than 9 with the code are mostly a count ("+4500000 rows"). */
const OTHER_PLAN = [9, 15] as const;

/** Area and exchange of a North American number do not begin with 0 or 1. */
export function isNorthAmerican(tenDigits: string): boolean {
  return /^[2-9]\d{2}[2-9]\d{6}$/.test(tenDigits);
}

/** True for digits that, after a "+", are a number of some country's plan. */
export function isInternational(digits: string): boolean {
  for (const size of [1, 2, 3]) {
    const code = digits.slice(0, size);
    const plan = KNOWN_PLANS.get(code) ?? (OTHER_CODES.has(code) ? OTHER_PLAN : undefined);
    if (plan === undefined) continue;
    if (digits.length < plan[0] || digits.length > plan[1]) return false;
    return code !== "1" || isNorthAmerican(digits.slice(1));
  }
  return false;
}
