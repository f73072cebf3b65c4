# The key that wraps the packages' data keys.
#
# A charter names its key, so the key exists before any charter can be pinned. Until then its policy lets nobody
# decrypt. Afterwards the policy is the file that `strongroom measure --kms-policy` printed and `strongroom kms-policy
# lint` passed: nothing here adds to it or takes from it.

locals {
  shut_key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OwnerAdministers"
        Effect    = "Allow"
        Principal = { AWS = var.kms_admin_arn }
        Action = [
          "kms:CancelKeyDeletion",
          "kms:DescribeKey",
          "kms:DisableKey",
          "kms:DisableKeyRotation",
          "kms:EnableKey",
          "kms:EnableKeyRotation",
          "kms:GetKeyPolicy",
          "kms:GetKeyRotationStatus",
          "kms:ListGrants",
          "kms:ListResourceTags",
          "kms:PutKeyPolicy",
          "kms:RevokeGrant",
          "kms:ScheduleKeyDeletion",
          "kms:TagResource",
          "kms:UntagResource",
          "kms:UpdateKeyDescription",
        ]
        Resource = "*"
      },
      {
        Sid       = "OwnerSeals"
        Effect    = "Allow"
        Principal = { AWS = var.kms_sealer_arn }
        Action    = ["kms:GenerateDataKey"]
        Resource  = "*"
      },
      {
        Sid       = "DenyDetours"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["kms:ReEncrypt*", "kms:CreateGrant"]
        Resource  = "*"
      },
      {
        Sid       = "DenyAllDecryption"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["kms:Decrypt"]
        Resource  = "*"
      },
    ]
  })
}

resource "aws_kms_key" "models" {
  #checkov:skip=CKV2_AWS_64:there is a policy; the check does not follow the choice between the two
  count = var.kms_key_arn == null ? 1 : 0

  # No alias: charters and packages hold the key's ARN, an alias could be pointed elsewhere, and the policy does not let
  # even the administrator make one.
  description             = "Data keys of the sealed models of ${var.name}"
  key_usage               = "ENCRYPT_DECRYPT"
  multi_region            = false
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = var.tags

  policy = var.kms_key_policy_file == null ? local.shut_key_policy : file(var.kms_key_policy_file)
  # KMS refuses a policy that would lock its author out. The check stays on: no policy of Strongroom needs it off.
  bypass_policy_lockout_safety_check = false

  lifecycle {
    # Without the key every package is lost.
    prevent_destroy = true

    precondition {
      condition     = var.kms_admin_arn != null && var.kms_sealer_arn != null
      error_message = "kms_admin_arn and kms_sealer_arn must be set when the module makes the key."
    }
    precondition {
      condition     = data.aws_iam_session_context.caller.issuer_arn == var.kms_admin_arn
      error_message = "kms_admin_arn must be the role that applies this module: nobody else can change the key later."
    }
  }
}
