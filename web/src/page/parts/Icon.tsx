const SHAPES = {
  spark: 'M12 3l1.9 5.6L19.5 10.5 13.9 12.4 12 18l-1.9-5.6L4.5 10.5l5.6-1.9zM19 16l.8 2.2L22 19l-2.2.8L19 22l-.8-2.2L16 19l2.2-.8z',
  stop: 'M7 7h10v10H7z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  cross: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  download: 'M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M4 20h16',
  clear: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  clock: 'M12 21a9 9 0 100-18 9 9 0 000 18zM12 7v5l3.5 2',
  sun: 'M12 16a4 4 0 100-8 4 4 0 000 8zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  moon: 'M20 14.5A8.5 8.5 0 119.5 4 6.8 6.8 0 0020 14.5z',
  auto: 'M12 21a9 9 0 100-18 9 9 0 000 18zM12 3v18',
  next: 'M9 5l7 7-7 7',
  previous: 'M15 5l-7 7 7 7',
  down: 'M12 5v14m0 0l-6-6m6 6l6-6',
  resume: 'M20 11a8 8 0 10-2.300 6.400M20 4v7h-7',
  search: 'M11 18a7 7 0 100-14 7 7 0 000 14zM21 21l-5-5',
  book: 'M4 5.5C6.5 4 9.500 4 12 5.500c2.500-1.500 5.500-1.500 8 0V19c-2.500-1.500-5.500-1.500-8 0-2.500-1.500-5.500-1.500-8 0zM12 5.500V19',
  globe: 'M12 21a9 9 0 100-18 9 9 0 000 18zM3 12h18M12 3c2.500 2.500 3.800 5.500 3.800 9S14.500 18.500 12 21c-2.500-2.500-3.800-5.500-3.800-9S9.500 5.500 12 3z',
} as const

export type IconName = keyof typeof SHAPES

/** A picture beside words that say the same. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  )
}
