/** The door of `symphony-pit`: open a Pit, build workflows, match errors. */
export { Pit, type AllocateOptions, type ExecuteOptions, type OpenOptions } from './pit.ts'
export type { PitConfig } from './config.ts'
export type { ArtifactsConfig, KeySourceConfig } from './artifacts-config.ts'
export type { InferOptions, ModelLease } from './model-lease.ts'
export type { WorkflowSource } from './workflow-source.ts'
export type { ModelsClient } from './clients/models.ts'
export type { EventsOptions, StartOptions, WorkflowsClient } from './clients/workflows.ts'
export type {
  ArtifactBundles,
  BundleProgress,
  ExportOptions,
  ExportResult,
  ImportOptions,
  ImportResult,
} from './clients/artifact-bundles.ts'
export type { ByteRange, ByteSource } from './clients/artifact-streams.ts'
export type {
  ArtifactCare,
  RepairResult,
  VerifyOptions,
  VerifyProgress,
  VerifyResult,
} from './clients/artifact-care.ts'
export type { ArtifactReference, ArtifactsClient, PutOptions, VersionReference } from './clients/artifacts.ts'
export type { ArbitrationClient, ArbitrationRequest } from './clients/arbitration.ts'
export type { CleanupOptions, RetentionClient, TrashedPlan } from './clients/retention.ts'
export { parseWorkflow, validateWorkflow, workflow, type WorkflowDefinition } from '../actors/dag-tracker/index.ts'

export {
  NodeState,
  RunState,
  type ExecutionResult,
  type NodeFailure,
  type NodeReport,
  type PortValue,
  type RunCounts,
  type RunEvent,
  type RunSummary,
} from '../actors/dag-tracker/protocol.ts'
export {
  ModelState,
  type BackendSpec,
  type HealthStatus,
  type InferResult,
  type ModelInfo,
  type ModelSpec,
  type ModelTransition,
  type Usage,
} from '../actors/pool-manager/protocol.ts'
export {
  DenialReason,
  Priority,
  type ArbitrationResult,
  type ArbitrationStatus,
  type DecisionRecord,
  type PriorityName,
  type ReleaseRequest,
  type ResourceRequest,
  type ResourceVector,
  type Ruling,
} from '../actors/arbitration-engine/protocol.ts'
export {
  isContentHash,
  type AliasChange,
  type AliasSet,
  type ArtifactAlias,
  type ArtifactDiff,
  type ArtifactInfo,
  type ArtifactInput,
  type ArtifactQuality,
  type ArtifactQuery,
  type ArtifactRelations,
  type ArtifactVersion,
  type ContentHash,
  type DedupStats,
  type DiffRequest,
  type DiffSide,
  type EncryptionStatus,
  type JsonChange,
  type KeySource,
  type LineageNode,
  type NewVersion,
  type Producer,
  type PutResult,
  type RankedArtifact,
  type Relation,
  type RelationKind,
  type SearchHit,
  type SearchResult,
  type ShredResult,
  type VersionedArtifact,
} from '../actors/artifact-store/protocol.ts'
export type {
  CleanupPlan,
  CleanupResult,
  RetentionDecision,
  RetentionPolicy,
  RetentionRule,
} from '../actors/stale-manager/protocol.ts'
export { isPitError, PitError, type CallOptions, type ErrorAction, type LogLevel } from '../runtime/index.ts'
