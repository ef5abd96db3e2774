/** `pit artifacts encryption | encrypt | decrypt | rotate-key`: whether and how the artifacts on the disk are encrypted. */
import type { ContentHash, EncryptionStatus } from '../../../actors/artifact-store/protocol.ts'
import { readKeySource, type ArtifactsConfig } from '../../artifacts-config.ts'
import { hostErrors } from '../../errors.ts'
import { expectPositionals, usageError, type Invocation, type OptionSpec } from '../command.ts'
import { ExitCode } from '../exit-codes.ts'
import { formatBytes, plural } from '../format.ts'

export const ENCRYPTION_USAGES = [
  'encryption',
  'encrypt',
  'decrypt',
  'rotate-key [--to <key>]',
  'shred <reference>… --yes',
  'shred --of-tenant <tenant> --yes',
] as const

export const encryptionOptions: Readonly<Record<string, OptionSpec>> = {
  to: {
    type: 'string',
    value: 'key',
    description: 'rotate-key: where the new key is: env:NAME, file:path or module:path#export',
  },
  'of-tenant': { type: 'string', value: 'tenant', description: 'shred: everything that only this tenant made' },
  yes: { type: 'boolean', description: 'shred: it cannot be undone, and that is meant' },
}

type Configured = NonNullable<ArtifactsConfig['encryption']>

async function status(invocation: Invocation): Promise<ExitCode> {
  expectPositionals(invocation.args, [])
  await using pit = await invocation.open({ resume: 'manual' })
  return tell(invocation, await pit.artifacts.encryption())
}

async function encrypt(invocation: Invocation): Promise<ExitCode> {
  return convert(invocation, 'encrypt')
}

async function decrypt(invocation: Invocation): Promise<ExitCode> {
  return convert(invocation, 'decrypt')
}

/** An interruption loses nothing: the same command goes on where it was. */
async function convert(invocation: Invocation, mode: 'encrypt' | 'decrypt'): Promise<ExitCode> {
  expectPositionals(invocation.args, [])
  const artifacts = { encryption: { ...configured(invocation), mode } }
  await using pit = await invocation.open({ resume: 'manual', artifacts })
  const done = await pit.artifacts.convert({ signal: invocation.signal })
  if (done.state === 'clear') invocation.output.note('take the key out of the configuration now')
  return tell(invocation, done)
}

/** Opening is what rotates: the store is locked with the first key, whichever of the others it was locked with. */
async function rotateKey(invocation: Invocation): Promise<ExitCode> {
  const { args, output, cwd } = invocation
  expectPositionals(args, [])
  const to = args.text('to')
  const { key, formerKeys = [], ...rest } = configured(invocation)
  const keys =
    to === undefined ? { key, formerKeys } : { key: readKeySource(to, '--to', cwd), formerKeys: [key, ...formerKeys] }
  await using pit = await invocation.open({ resume: 'manual', artifacts: { encryption: { ...rest, ...keys } } })
  if (to !== undefined) output.note(`the key of the configuration has to be ${to} from now on`)
  return tell(invocation, await pit.artifacts.encryption())
}

async function shred(invocation: Invocation): Promise<ExitCode> {
  const { args, output, signal } = invocation
  const tenant = args.text('of-tenant')
  const references = args.positionals
  if ((tenant === undefined) === (references.length === 0)) throw usageError('shred takes references or --of-tenant')
  if (!args.flag('yes')) throw usageError('shredded artifacts are gone for good; say --yes if that is meant')
  await using pit = await invocation.open({ resume: 'manual' })
  const hashes: ContentHash[] = []
  for (const reference of references) {
    const hash = await pit.artifacts.resolve(reference)
    if (hash === null) throw hostErrors.fail('ARTIFACT_NOT_FOUND', { reference })
    hashes.push(hash)
  }
  const result = await pit.artifacts.shred(tenant === undefined ? { hashes } : { tenant }, { signal })
  output.document(result)
  for (const { hash, reason } of result.kept) output.print(`kept ${hash.slice(0, 12)}: ${reason}`)
  output.print(`${plural(result.shredded.length, 'artifact')} shredded`)
  return ExitCode.Ok
}

function configured(invocation: Invocation): Configured {
  const { encryption } = invocation.config().config.artifacts
  if (encryption === undefined) {
    throw usageError('no key is configured: set artifacts.encryption.key, as docs/encryption.md says')
  }
  return encryption
}

function tell({ output }: Invocation, found: EncryptionStatus): ExitCode {
  output.document(found)
  const { state, keyId, unconvertedBytes } = found
  output.print(keyId === undefined ? state : `${state}, key ${keyId}`)
  if (unconvertedBytes > 0) output.note(`${formatBytes(unconvertedBytes)} still to be rewritten`)
  return ExitCode.Ok
}

export const encryptionActions = { encryption: status, encrypt, decrypt, 'rotate-key': rotateKey, shred }
