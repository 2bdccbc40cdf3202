/** The mark of the product: a sentry's chevron, and over it the tick of the second signature. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <rect class="mark-ground" width="48" height="48" rx="11" />
      <path class="mark-chevron" d="M10 22l14 16 14-16" />
      <path class="mark-stroke" d="M17 14.5l7 8.5 13-13.5" />
    </svg>
  );
}

/** The mark and the name beside it. */
export function Brand() {
  return (
    <span class="brand">
      <Mark />
      <span class="brand-name">Countersign</span>
    </span>
  );
}
