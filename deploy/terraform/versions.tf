terraform {
  required_version = ">= 1.9.0, < 2.0.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100.0"
    }
  }
}

data "aws_region" "current" {}
data "aws_partition" "current" {}
data "aws_caller_identity" "current" {}

# The role behind an assumed-role session: key policies name roles, not sessions.
data "aws_iam_session_context" "caller" {
  arn = data.aws_caller_identity.current.arn
}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  account   = data.aws_caller_identity.current.account_id
  key_arn   = var.kms_key_arn == null ? aws_kms_key.models[0].arn : var.kms_key_arn
  # What is in the bucket: the store that the host reads, and the files that an instance starts from.
  store_prefix    = "store"
  artifact_prefix = "artifacts"
}
