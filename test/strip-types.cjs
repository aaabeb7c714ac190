'use strict'
// Jest runs what Node runs: the same type stripping, which keeps every line and column where it was.
const { stripTypeScriptTypes } = require('node:module')
const { createHash } = require('node:crypto')

process.removeAllListeners('warning')

module.exports = {
  process: source => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }),
  getCacheKey: (source, path) =>
    createHash('sha256')
      .update(process.version)
      .update('\0')
      .update(path)
      .update('\0')
      .update(source)
      .digest('hex'),
}
