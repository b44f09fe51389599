import { type SubmitEvent, useId, useState } from 'react'
import { readToken, signIn } from '../identity.ts'
import { useTitle } from '../useTitle.ts'

/** In place of every other view while the server does not know who asks. */
export function SignInView({ onSignedIn }: { onSignedIn: () => void }) {
  useTitle('Sign in')
  const [entered, setEntered] = useState('')
  const [wasWrong] = useState(() => readToken() !== undefined)
  const ids = useId()
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (entered.trim() === '') return
    signIn(entered.trim())
    onSignedIn()
  }
  return (
    <form className="sign-in" onSubmit={submit}>
      <h1>Who is there?</h1>
      <p className="lead">This server asks for an access token. It is kept until you close the tab.</p>
      {wasWrong && (
        <p role="alert" className="notice bad">
          The server does not accept the token, or no longer.
        </p>
      )}
      <label htmlFor={`${ids}token`}>Access token</label>
      <input id={`${ids}token`} type="password" autoComplete="off" value={entered} onChange={(event) => { setEntered(event.target.value) }} />
      <button type="submit" className="button primary" disabled={entered.trim() === ''}>
        Sign in
      </button>
    </form>
  )
}
