/** Errors of the host and the command line. Those of the actors arrive here as they are. Documented in `docs/errors.md`. */
import { defineErrors } from '../runtime/index.ts'

export const hostErrors = defineErrors({
  // Configuration.
  CONFIG_INVALID: {
    message: 'configuration from {origin}: expected `{key}` to be {expected}, got `{value}`',
    status: 400,
    action: 'give-up',
  },
  CONFIG_UNREADABLE: { message: 'configuration file {path} cannot be read: {reason}', status: 400, action: 'give-up' },

  // Data directory.
  DATA_DIR_IN_USE: {
    message: 'data directory {path} is in use by process {pid} (since {since}); only one process may hold it',
    status: 409,
    action: 'retry',
  },
  DATA_DIR_READ_ONLY: { message: 'data directory {path} cannot be written: {reason}', status: 403, action: 'give-up' },
  DATA_DIR_NOT_A_FOLDER: { message: 'data directory {path} is not a folder', status: 400, action: 'give-up' },
  DATA_DIR_FOREIGN: {
    message: 'folder {path} holds other files (such as {entry}) and no Pit data; choose an empty or a new folder',
    status: 400,
    action: 'give-up',
  },
  DATA_DIR_FULL: { message: 'no space left on the disk of data directory {path}', status: 507, action: 'retry' },
  DATA_DIR_UNUSABLE: { message: 'data directory {path} cannot be used: {reason}', status: 500, action: 'give-up' },
  DATA_FORMAT_NEWER: {
    message: 'data directory {path} has format {format}; this program reads up to {supported}. Nothing was changed',
    status: 409,
    action: 'give-up',
  },
  DATA_FORMAT_UNREADABLE: {
    message: 'data directory {path} does not say its format: {reason}. Nothing was changed',
    status: 500,
    action: 'give-up',
  },

  // Calls.
  PIT_CLOSED: { message: 'this Pit is closed', status: 503, action: 'give-up' },
  ARGUMENT_INVALID: { message: 'expected `{argument}` to be {expected}, got {value}', status: 400, action: 'give-up' },
  LEASE_RELEASED: { message: 'the lease on model {model} was released', status: 409, action: 'bug' },

  // Command line.
  USAGE: { message: '{reason}', status: 400, action: 'give-up' },
  FOLDER_NOT_FOUND: { message: 'there is no file or folder {path}', status: 404, action: 'give-up' },
  WORKFLOW_NOT_FOUND: { message: 'workflow file {path} cannot be read: {reason}', status: 404, action: 'give-up' },
  INPUT_UNREADABLE: { message: 'input file {path} cannot be read: {reason}', status: 400, action: 'give-up' },
  OUTPUT_UNWRITABLE: { message: 'output file {path} cannot be written: {reason}', status: 500, action: 'give-up' },
  ARTIFACT_NOT_FOUND: { message: 'there is no artifact {reference}', status: 404, action: 'give-up' },
  BUNDLE_EXISTS: {
    message: '{path} is not empty: choose a new folder, or one whose export was interrupted',
    status: 409,
    action: 'give-up',
  },
  BUNDLE_INVALID: { message: '{path} is no bundle that can be read: {problem}', status: 400, action: 'give-up' },
  BUNDLE_DAMAGED: { message: 'the bundle {path} is damaged: {problem}', status: 422, action: 'give-up' },
  NOTHING_READABLE: {
    message:
      'nothing in {folders} could be digested: {files} files matched `{pattern}`, {skipped} were skipped ({codes})',
    status: 422,
    action: 'give-up',
  },
  INTERRUPTED: { message: 'interrupted; {next}', status: 499, action: 'retry' },
})
