/** The runtime's error table: everything that can happen to a message, an actor or a system of actors. */
import { defineErrors, describe, isPitError, type PitError } from './common/errors.ts'

export const runtimeErrors = defineErrors({
  ACTOR_NOT_FOUND: {
    message:
      'no actor named {actor} can be reached from {from}; declare it as a peer or list {from} in its reachableFrom',
    status: 404,
    action: 'bug',
  },
  ACTOR_EXISTS: { message: 'an actor named {actor} exists already', status: 409, action: 'bug' },
  ACTOR_STOPPED: { message: 'actor {actor} is stopped', status: 503, action: 'give-up' },
  ACTOR_RESTARTED: {
    message: 'actor {actor} restarted while it handled {call}; whether it took effect is unknown',
    status: 503,
    action: 'retry',
  },
  UNKNOWN_HANDLER: { message: 'actor {actor} has no handler {call}', status: 404, action: 'bug' },
  STREAM_ONLY: { message: '{actor}.{call} is a stream; read it with ref.stream', status: 400, action: 'bug' },
  NOT_A_STREAM: {
    message: '{actor}.{call} is not a stream; its handler returned nothing that can be iterated',
    status: 400,
    action: 'bug',
  },
  DEADLINE_EXCEEDED: { message: 'no reply from {actor}.{call} within {deadlineMs} ms', status: 504, action: 'retry' },
  CANCELLED: { message: 'the call {actor}.{call} was cancelled', status: 499, action: 'give-up' },
  MAILBOX_FULL: {
    message: 'the mailbox of {actor} is full: {reason}',
    status: 503,
    action: 'retry',
  },
  POISON_MESSAGE: {
    message: '{actor}.{call} ended its actor {crashes} times and is not delivered again',
    status: 500,
    action: 'give-up',
  },
  ASK_CYCLE: {
    message: 'asking {actor} for {call} would wait for itself: {path}',
    status: 508,
    action: 'bug',
  },
  LANE_CORRUPT: {
    message: 'a lane to or from {actor} was damaged; whether the call took effect is unknown',
    status: 503,
    action: 'retry',
  },
  CODEC_INVALID: { message: 'a message of {actor} cannot be coded: {reason}', status: 400, action: 'bug' },
  MESSAGE_TOO_LARGE: {
    message: 'a message of {bytes} bytes to {actor} is over the limit of {bytesMax} bytes',
    status: 413,
    action: 'give-up',
  },
  MODULE_INVALID: { message: 'no actor {actor} in module {module}: {reason}', status: 500, action: 'bug' },
  INIT_FAILED: { message: 'actor {actor} did not start: {reason}', status: 500, action: 'give-up' },
  SHARED_UNKNOWN: { message: 'no shared region named {region}', status: 500, action: 'bug' },
  METRICS_FULL: {
    message:
      'actor {actor} cannot have the metric {metric}: at most 64 names of 1 to 54 bytes, 8 of them times, each of one kind',
    status: 500,
    action: 'bug',
  },
  SYSTEM_FAILED: { message: 'the actor system has failed: {reason}', status: 503, action: 'give-up' },
  INCARNATIONS_EXHAUSTED: {
    message: 'the actor system has used up its {incarnationsMax} incarnation numbers',
    status: 503,
    action: 'give-up',
  },
  SIMULATION_STUCK: {
    message: 'the simulation of seed {seed} is stuck at step {steps}, after {atMs} ms of its time: {reason}',
    status: 500,
    action: 'bug',
  },
  ACTORS_MAX: { message: 'no room for actor {actor}: {actorsMax} actors are alive', status: 503, action: 'retry' },
})

export const fail: typeof runtimeErrors.fail = (code, fields, options) => runtimeErrors.fail(code, fields, options)

/** Why an actor did not start: the coded error its `init` threw, or `INIT_FAILED` around anything else. */
export function initError(actor: string, cause: unknown): PitError {
  return isPitError(cause) ? cause : fail('INIT_FAILED', { actor, reason: describe(cause) }, { cause })
}
