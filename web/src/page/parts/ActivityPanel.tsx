import { useEffect, useState } from 'react'
import type { CourseStreamClient } from '../../client/index.ts'
import { persistently } from '../../client/persistently.ts'
import { ACTIVITY_PATH, type Activity, type Bucket, type Figures, fetchActivity } from '../activity.ts'
import { count, duration, momentOf } from '../format.ts'
import { useOffer } from '../offers.ts'

const HOUR_MS = 3_600_000

const SPANS = [
  { name: '24 hours', ms: 24 * HOUR_MS, bucket: '1h' },
  { name: '7 days', ms: 7 * 24 * HOUR_MS, bucket: '6h' },
  { name: '30 days', ms: 30 * 24 * HOUR_MS, bucket: '1d' },
] as const
type Span = (typeof SPANS)[number]

const HEIGHT = 72
const OUTCOMES = ['failed', 'cancelled', 'completed'] as const

/** What stands in the place of figures that are not read yet. */
const NOTHING: Figures = { started: 0, completed: 0, failed: 0, cancelled: 0, tokens: 0 }
const NO_BUCKETS: readonly Bucket[] = [{ start: '', ...NOTHING }]

/** What each client read last; another user has another. */
const kept = new WeakMap<CourseStreamClient, { readonly span: Span; readonly activity: Activity }>()

/**
 * What happened lately, in figures and bars; asked for again with all `news`, so that it counts what stands below it. It has its place
 * from the start, and gives it up where the server offers nothing of it.
 */
export function ActivityPanel({ client, news }: { client: CourseStreamClient; news: string | undefined }) {
  const isOffered = useOffer(ACTIVITY_PATH)
  const [span, setSpan] = useState<Span>(() => kept.get(client)?.span ?? SPANS[0])
  const [activity, setActivity] = useState(() => kept.get(client)?.activity)
  useEffect(() => {
    if (!isOffered || news === undefined) return
    const controller = new AbortController()
    persistently(() => fetchActivity(span.ms, span.bucket, controller.signal), controller.signal).then(
      (activity) => {
        kept.set(client, { span, activity })
        setActivity(activity)
      },
      () => undefined,
    )
    return () => { controller.abort() }
  }, [client, isOffered, span, news])
  if (isOffered === false) return null
  return (
    <section className="activity" aria-label="Activity" aria-busy={!activity}>
      <div className="activity-head">
        <h2>Activity</h2>
        <div className="pills" role="group" aria-label="Span of time">
          {SPANS.map((one) => (
            <button key={one.name} type="button" className="pill" aria-pressed={one === span} onClick={() => { setSpan(one) }}>
              {one.name}
            </button>
          ))}
        </div>
      </div>
      <FigureList figures={activity?.total} />
      <Bars buckets={activity?.buckets ?? NO_BUCKETS} total={activity?.total ?? NOTHING} />
    </section>
  )
}

function FigureList({ figures }: { figures: Figures | undefined }) {
  const all = [
    ['Started', figures?.started.toLocaleString()],
    ['Completed', figures?.completed.toLocaleString()],
    ['Failed', figures?.failed.toLocaleString()],
    ['Cancelled', figures?.cancelled.toLocaleString()],
    ['Median time', figures?.durationMs !== undefined && duration(figures.durationMs)],
    ['Tokens', figures?.tokens.toLocaleString(undefined, { notation: 'compact' })],
  ] as const
  return (
    <dl className="figures">
      {all.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value || '–'}</dd>
        </div>
      ))}
    </dl>
  )
}

/** One bar a bucket: how its sessions ended, one outcome upon the other. Where nothing ended, there is the ground and no bar. */
function Bars({ buckets, total }: { buckets: readonly Bucket[]; total: Figures }) {
  const highest = Math.max(1, ...buckets.map(endedIn))
  const words = `${count(total.completed, 'session')} completed, ${total.failed} failed, ${total.cancelled} cancelled`
  const first = buckets[0]
  return (
    <figure className="chart">
      <svg className="bars" viewBox={`0 0 ${buckets.length * 10} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
        {buckets.map((bucket, index) => (
          <g key={bucket.start} transform={`translate(${index * 10} 0)`}>
            <title>{`${momentOf(bucket.start)}: ${bucket.completed} completed, ${bucket.failed} failed, ${bucket.cancelled} cancelled`}</title>
            {/* All of its height can be pointed at. */}
            <rect className="reach" width={10} height={HEIGHT} />
            {stack(bucket, highest).map(({ outcome, y, height }) => (
              <rect key={outcome} className={outcome} x={1.5} width={7} y={y} height={height} />
            ))}
          </g>
        ))}
      </svg>
      <figcaption>
        {first && <time dateTime={first.start}>{momentOf(first.start)}</time>}
        <ul className="legend">
          {OUTCOMES.toReversed().map((outcome) => (
            <li key={outcome} className={outcome}>
              {outcome}
            </li>
          ))}
        </ul>
        <span>now</span>
      </figcaption>
    </figure>
  )
}

function endedIn(bucket: Bucket): number {
  return OUTCOMES.reduce((sum, outcome) => sum + bucket[outcome], 0)
}

function stack(bucket: Bucket, highest: number) {
  let y = HEIGHT
  return OUTCOMES.filter((outcome) => bucket[outcome] > 0).map((outcome) => {
    const height = (bucket[outcome] / highest) * HEIGHT
    y -= height
    return { outcome, y, height }
  })
}
