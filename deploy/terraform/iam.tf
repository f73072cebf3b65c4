# The instances' role. What it may decrypt is decided by the key policy, which asks for an attestation document.

resource "aws_iam_role" "host" {
  name               = "${var.name}-host"
  description        = "Hosts of Strongroom enclaves: read the store, ask KMS with an attestation document"
  assume_role_policy = data.aws_iam_policy_document.host_trust.json
  tags               = var.tags
}

data "aws_iam_policy_document" "host_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "host" {
  name   = "store-and-key"
  role   = aws_iam_role.host.id
  policy = data.aws_iam_policy_document.host.json
}

data "aws_iam_policy_document" "host" {
  statement {
    sid     = "ReadStore"
    actions = ["s3:GetObject"]
    resources = [
      "${aws_s3_bucket.store.arn}/${local.store_prefix}/*",
      "${aws_s3_bucket.store.arn}/${local.artifact_prefix}/*",
    ]
  }

  # Lets S3 say "not there" where it would otherwise say "denied".
  statement {
    sid       = "SeeWhatIsMissing"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.store.arn]
  }

  # Needed where the key is in the owner's account. It opens nothing by itself: the key policy denies every Decrypt
  # without the attestation document of a pinned enclave.
  statement {
    sid       = "AskTheKey"
    actions   = ["kms:Decrypt"]
    resources = [local.key_arn]
  }
}

resource "aws_iam_role_policy_attachment" "session_manager" {
  count = var.session_manager ? 1 : 0

  role       = aws_iam_role.host.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "host" {
  name = "${var.name}-host"
  role = aws_iam_role.host.name
  tags = var.tags
}
