import { createMemoryBackend, openFileSystemBackend } from '../../../actors/artifact-store/backends/index.ts'
import { tempDir } from '../fixture.ts'
import { describeBackend } from './contract.ts'

describeBackend({ name: 'memory', open: async () => createMemoryBackend() })
describeBackend({ name: 'file-system', open: () => openFileSystemBackend({ dir: tempDir() }) })
