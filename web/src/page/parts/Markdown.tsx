/**
 * Model output as Markdown, without HTML at any point: the parser's tokens become React elements, from a list of those that are
 * allowed. Raw HTML is text, links lead to the web or nowhere, pictures are their descriptions.
 */
import MarkdownIt from 'markdown-it'
import { Fragment, type ReactNode, createElement, memo } from 'react'

const parser = new MarkdownIt('default', { html: false, linkify: false })

type Token = ReturnType<typeof parser.parse>[number]

/** Each of these has a direction of its own: a lesson may quote what is written the other way. */
const BLOCKS = new Set(['p', 'li', 'blockquote', 'th', 'td'])
const ELEMENTS = new Set(['p', 'ul', 'ol', 'li', 'blockquote', 'strong', 'em', 's', 'table', 'thead', 'tbody', 'tr', 'th', 'td'])

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return <div className="prose">{renderAll(parser.parse(text, {}))}</div>
})

/** The same for a line within other text. */
export const InlineMarkdown = memo(function InlineMarkdown({ text }: { text: string }) {
  return <>{renderAll(parser.parseInline(text, {}))}</>
})

/** An item of a task list, as GitHub has them. */
const TASK = /^\[([ xX])\] /

interface Open {
  readonly token: Token
  readonly children: ReactNode[]
}

function renderAll(tokens: readonly Token[]): ReactNode {
  const root: ReactNode[] = []
  const open: Open[] = []
  tokens.forEach((token, index) => {
    const siblings = open.at(-1)?.children ?? root
    if (token.nesting === 1) {
      open.push({ token, children: [] })
    } else if (token.nesting === -1) {
      const closed = open.pop()
      const parent = open.at(-1)?.children ?? root
      if (closed) parent.push(element(closed.token, closed.children, index))
    } else if (token.type === 'inline' && open.at(-2)?.token.type === 'list_item_open' && TASK.test(token.content)) {
      siblings.push(task(token, index))
    } else {
      siblings.push(leaf(token, index))
    }
  })
  return root
}

function element(token: Token, children: ReactNode[], key: number): ReactNode {
  if (token.hidden) return <Fragment key={key}>{children}</Fragment>
  // The page has headings of its own above those of a lesson.
  if (token.type === 'heading_open') return createElement(`h${Math.min(6, Math.max(3, Number(token.tag.slice(1)) + 1))}`, { key, dir: 'auto' }, ...children)
  if (token.type === 'link_open') return <SafeLink key={key} href={String(token.attrGet('href') ?? '')}>{children}</SafeLink>
  if (token.tag === 'table') {
    return (
      <div key={key} className="table-scroll" role="group" aria-label="Table" tabIndex={0}>
        <table>{children}</table>
      </div>
    )
  }
  if (!ELEMENTS.has(token.tag)) return <Fragment key={key}>{children}</Fragment>
  const start = token.tag === 'ol' ? Number(token.attrGet('start') ?? 1) : undefined
  return createElement(token.tag, { key, ...(start !== undefined && { start }), ...(BLOCKS.has(token.tag) && { dir: 'auto' }) }, ...children)
}

function task(token: Token, key: number): ReactNode {
  const isDone = !token.content.startsWith('[ ]')
  const [first, ...rest] = token.children ?? []
  return (
    <Fragment key={key}>
      <span className="task" role="img" aria-label={isDone ? 'done' : 'to do'}>
        {isDone ? '☑' : '☐'}
      </span>
      {first?.content.replace(TASK, '')}
      {renderAll(rest)}
    </Fragment>
  )
}

function leaf(token: Token, key: number): ReactNode {
  switch (token.type) {
    case 'inline':
      return <Fragment key={key}>{renderAll(token.children ?? [])}</Fragment>
    case 'code_inline':
      return <code key={key}>{token.content}</code>
    case 'fence':
    case 'code_block':
      return (
        <pre key={key} tabIndex={0} aria-label="Code">
          <code>{token.content}</code>
        </pre>
      )
    case 'hr':
      return <hr key={key} />
    case 'hardbreak':
      return <br key={key} />
    case 'softbreak':
      return <Fragment key={key}> </Fragment>
    default:
      return <Fragment key={key}>{token.content}</Fragment>
  }
}

function SafeLink({ href, children }: { href: string; children: ReactNode }) {
  if (!/^(https?:|mailto:)/i.test(href)) return <>{children}</>
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  )
}
