import { useEffect, useState } from 'react'
import { type Activity, type Bucket, type Figures, fetchActivity, successPercent } from '../activity.ts'
import { count, duration, momentOf } from '../format.ts'

const HOUR_MS = 3_600_000

const SPANS = [
  { name: '24 hours', ms: 24 * HOUR_MS, bucket: '1h' },
  { name: '7 days', ms: 7 * 24 * HOUR_MS, bucket: '6h' },
  { name: '30 days', ms: 30 * 24 * HOUR_MS, bucket: '1d' },
] as const
type Span = (typeof SPANS)[number]

const HEIGHT = 72
const OUTCOMES = ['failed', 'cancelled', 'completed'] as const

/** What happened lately, in figures and bars. */
export function ActivityPanel() {
  const [span, setSpan] = useState<Span>(SPANS[0])
  const [activity, setActivity] = useState<Activity>()
  useEffect(() => {
    const controller = new AbortController()
    fetchActivity(span.ms, span.bucket, controller.signal).then(setActivity, () => undefined)
    return () => { controller.abort() }
  }, [span])
  if (!activity) return null
  return (
    <section className="activity" aria-label="Activity">
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
      <FigureList figures={activity.total} />
      <Bars buckets={activity.buckets} total={activity.total} />
    </section>
  )
}

function FigureList({ figures }: { figures: Figures }) {
  const success = successPercent(figures)
  const all = [
    ['Started', figures.started.toLocaleString()],
    ['Completed', figures.completed.toLocaleString()],
    ['Success', success === undefined ? '–' : `${success}%`],
    ['Median time', figures.durationMs === undefined ? '–' : duration(figures.durationMs)],
    ['Tokens', figures.tokens.toLocaleString(undefined, { notation: 'compact' })],
  ] as const
  return (
    <dl className="figures">
      {all.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** One bar a bucket: how its sessions ended, one outcome upon the other. */
function Bars({ buckets, total }: { buckets: readonly Bucket[]; total: Figures }) {
  const highest = Math.max(1, ...buckets.map(endedIn))
  const words = `${count(total.completed, 'session')} completed, ${total.failed} failed, ${total.cancelled} cancelled`
  return (
    <svg className="bars" viewBox={`0 0 ${buckets.length * 10} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
      {buckets.map((bucket, index) => (
        <g key={bucket.start} transform={`translate(${index * 10} 0)`}>
          <title>{`${momentOf(bucket.start)}: ${bucket.completed} completed, ${bucket.failed} failed, ${bucket.cancelled} cancelled`}</title>
          <rect className="ground" x={1} width={8} height={HEIGHT} />
          {stack(bucket, highest).map(({ outcome, y, height }) => (
            <rect key={outcome} className={outcome} x={1} width={8} y={y} height={height} />
          ))}
        </g>
      ))}
    </svg>
  )
}

function endedIn(bucket: Bucket): number {
  return OUTCOMES.reduce((sum, outcome) => sum + bucket[outcome], 0)
}

function stack(bucket: Bucket, highest: number) {
  let y = HEIGHT
  return OUTCOMES.map((outcome) => {
    const height = (bucket[outcome] / highest) * HEIGHT
    y -= height
    return { outcome, y, height }
  })
}
